import pytest
import torch

import dcac_fastreid
from dcac_fastreid.checkpoint import carried_config, config_beside, encoder_config
from dcac_fastreid.errors import InputError


def test_the_config_of_a_config_is_itself(make_cfg, tmp_path):
    """Nothing is lost or added on the way through a file."""
    cfg = make_cfg("ma_ms.yml", "INPUT.CROP.ENABLED", True, "MODEL.PIXEL_MEAN", [1.0, 2.0, 3.0])
    (tmp_path / "encoder.yml").write_text(encoder_config(cfg))
    again = dcac_fastreid.load_config(str(tmp_path / "encoder.yml"), ["MODEL.DEVICE", "cpu"])
    assert encoder_config(again) == encoder_config(cfg)
    for section in ("BACKBONE", "HEADS", "CLIP", "PIXEL_MEAN", "PIXEL_STD", "META_ARCHITECTURE"):
        expected = cfg.MODEL[section].clone() if section == "BACKBONE" else cfg.MODEL[section]
        if section == "BACKBONE":
            expected.defrost()
            expected.PRETRAIN, expected.PRETRAIN_PATH = False, ""
        assert again.MODEL[section] == expected, section
    assert (again.INPUT.CROP, again.INPUT.SIZE_TEST) == (cfg.INPUT.CROP, cfg.INPUT.SIZE_TEST)


def test_a_file_without_one_may_have_it_beside(tmp_path):
    torch.save({"model": {}}, tmp_path / "model_final.pth")
    assert carried_config(tmp_path / "model_final.pth") is None
    for name in ("model_final.pth", "encoder.safetensors"):
        assert config_beside(tmp_path / name) is None
    for name in ("config.yaml", "encoder.yml"):
        (tmp_path / name).touch()
    assert config_beside(tmp_path / "model_final.pth").name == "config.yaml"
    assert config_beside(tmp_path / "encoder.safetensors").name == "encoder.yml"


def test_a_file_of_other_weights_is_no_encoder(tmp_path):
    from safetensors.torch import save_file

    save_file({"weight": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match="other.safetensors is no exported encoder: it has no weights backbone"):
        carried_config(tmp_path / "other.safetensors")
