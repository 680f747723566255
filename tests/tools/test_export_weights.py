import re

import pytest
import torch

from fastreid.modeling import build_model


@pytest.fixture
def config(make_cfg, tmp_path):
    """The config file of a baseline's run, whose checkpoint lies beside it."""
    cfg = make_cfg("baseline/ma_ms.yml", "MODEL.BACKBONE.PRETRAIN", False)
    torch.save({"model": build_model(cfg).state_dict()}, tmp_path / "model_final.pth")
    (tmp_path / "config.yaml").write_text(cfg.dump())
    return tmp_path / "config.yaml"


def test_a_baseline_has_an_encoder_alone(config, run_tool, tmp_path):
    weights = ("MODEL.WEIGHTS", tmp_path / "model_final.pth")
    status, written = run_tool("export_weights", "--config-file", config, "--output", tmp_path / "out", *weights)
    assert status == 0, written
    assert re.search(r"encoder.safetensors: 3.\d\d MB, encoder and BNNeck", written), written
    assert "no ID prompts: the checkpoint holds none\nno LoRA: the checkpoint holds none\n" in written
    files = sorted(file.name for file in (tmp_path / "out").iterdir())
    assert files == ["README.md", "encoder.safetensors", "encoder.yml"]


def test_no_checkpoint_is_one_sentence(config, run_tool, tmp_path):
    for weights, message in (((), "add MODEL.WEIGHTS"), (("MODEL.WEIGHTS", tmp_path / "none.pth"), "there is no file")):
        status, written = run_tool("export_weights", "--config-file", config, "--output", tmp_path / "out", *weights)
        assert status == 2 and re.fullmatch(f"error: .*{message}.*\n", written), written
    assert not (tmp_path / "out").exists()
