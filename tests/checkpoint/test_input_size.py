import pytest
import torch

from dcac_fastreid.checkpoint import StrictCheckpointer, encoder_config, load_for_testing
from dcac_fastreid.errors import InputError
from fastreid.modeling import build_model

UNTRAINED = ("MODEL.BACKBONE.PRETRAIN", False)


def sized(make_cfg, size, *opts):
    return make_cfg("baseline/ma_ms.yml", *UNTRAINED, "INPUT.SIZE_TRAIN", size, "INPUT.SIZE_TEST", size, *opts)


@pytest.mark.parametrize("asked", [[256, 128], [64, 128]], ids=["another", "as many patches"])
@pytest.mark.parametrize("training", [True, False])
def test_weights_of_another_input_size_are_told_so(asked, training, make_cfg, tmp_path):
    trained = sized(make_cfg, [128, 64])
    file = str(tmp_path / "model_final.pth")
    torch.save({"model": build_model(trained).state_dict(), "encoder_config": encoder_config(trained)}, file)
    cfg = sized(make_cfg, asked, "MODEL.WEIGHTS", file)
    message = f"trained at 128 x 64, the config asks for {asked[0]} x {asked[1]}; set INPUT.SIZE_TRAIN .* to .128, 64."
    with pytest.raises(InputError, match=message):
        if training:
            StrictCheckpointer(build_model(cfg), "", encoder_config=encoder_config(cfg)).resume_or_load(
                file, resume=False
            )
        else:
            load_for_testing(cfg)
    load_for_testing(sized(make_cfg, [128, 64], "MODEL.WEIGHTS", file))


def test_without_a_carried_config_the_positions_are_counted(make_cfg, tmp_path):
    file = str(tmp_path / "model_final.pth")
    torch.save({"model": build_model(sized(make_cfg, [128, 64])).state_dict()}, file)
    with pytest.raises(
        InputError, match="have 33 positions, the config asks for 256 x 128, which has 129; set INPUT.SIZE"
    ):
        load_for_testing(sized(make_cfg, [256, 128], "MODEL.WEIGHTS", file))


def test_a_backbone_without_positions_runs_at_any_size(resnet_run):
    from dcac_fastreid import load_config

    opts = ["MODEL.DEVICE", "cpu", "INPUT.SIZE_TEST", [128, 64], "MODEL.WEIGHTS", str(resnet_run / "model_final.pth")]
    load_for_testing(load_config(str(resnet_run / "config.yaml"), opts))
