import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from dcac_fastreid import FeatureExtractor
from dcac_fastreid.errors import InputError
from fastreid.modeling import build_model

ROOT = Path(__file__).parent.parent.parent
SIZE = ("--image-size", 128, 64)


@pytest.fixture
def released_file(make_cfg, tmp_path) -> Path:
    """A small checkpoint with the names of the authors' code, of an untrained model with 11 identities."""
    model = build_model(make_cfg("baseline/ma_ms.yml", "MODEL.HEADS.NUM_CLASSES", 11, "MODEL.BACKBONE.PRETRAIN", False))
    weights = {f"encoder.image_encoder.{key}": value for key, value in model.backbone.tower.state_dict().items()}
    weights |= {f"encoder.bnneck.{key}": value for key, value in model.heads.bottleneck[0].state_dict().items()}
    weights["encoder.fc.weight"] = model.heads.weight.data
    weights["denoiser.model.prompt_emb.prompt_emb"] = torch.randn(11, 64)
    weights["denoiser.model.out.2.weight"] = torch.randn(4, 32, 3, 3)
    torch.save(weights, tmp_path / "released.pth")
    return tmp_path / "released.pth"


def test_a_converted_checkpoint_is_tested_without_training_data_and_stable_diffusion(
    released_file, run_tool, tiny_data, tmp_path
):
    output = tmp_path / "weights" / "converted.pth"
    status, report = run_tool("convert_checkpoint", "--input", released_file, "--output", output, *SIZE)
    assert status == 0, report
    assert "a checkpoint of DCAC's authors: 11 identities" in report
    assert re.search(r"U-Net +1 tensors +1,152 numbers +0.0 MB  training alone reads it", report)
    assert f"MODEL.WEIGHTS {output}" in report

    shutil.copytree(tiny_data / "MSMT17_V1", tmp_path / "data_root" / "MSMT17_V1")  # the target alone
    command = [
        sys.executable, ROOT / "tools" / "train_net.py",
        "--config-file", ROOT / "configs" / "DCAC" / "synthetic" / "ma_ms.yml",
        "--eval-only", "MODEL.WEIGHTS", output, "MODEL.DEVICE", "cpu", "DATASETS.ROOT", tmp_path / "data_root",
        "MODEL.BACKBONE.PRETRAIN_PATH", "none", "MODEL.DCAC.DIFFUSION.WEIGHTS", "none", "OUTPUT_DIR", tmp_path / "out",
    ]  # fmt: skip
    finished = subprocess.run(list(map(str, command)), cwd=tmp_path, env=os.environ, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    assert re.search(r"\| DG_MSMT17 +\|", finished.stdout)


def test_a_converted_checkpoint_may_carry_its_config(released_file, run_tool, tmp_path):
    config = ROOT / "configs" / "DCAC" / "synthetic" / "ma_ms.yml"
    command = ("convert_checkpoint", "--input", released_file, "--output", tmp_path / "converted.pth", *SIZE)
    assert run_tool(*command)[0] == 0
    with pytest.raises(InputError, match="does not tell its architecture"):
        FeatureExtractor(tmp_path / "converted.pth", device="cpu")
    status, report = run_tool(*command, "--config-file", config)
    assert status == 0 and f"dcac-fastreid test --config-file {config} MODEL.WEIGHTS" in report, report
    assert FeatureExtractor(tmp_path / "converted.pth", device="cpu").encoder.input_size == (128, 64)


def cut(file):
    file.write_bytes(file.read_bytes()[:5000])


def empty(file):
    file.write_bytes(b"")


def without_neck(file):
    weights = torch.load(file, weights_only=True)
    torch.save({key: value for key, value in weights.items() if "bnneck" not in key}, file)


def of_another_kind(file):
    torch.save({"layer.weight": torch.zeros(1)}, file)


def with_objects(file):
    torch.save({"weight": torch.zeros(1), "args": Path("x")}, file)


def leave(file):
    pass


@pytest.mark.parametrize(
    ("spoil", "arguments", "message"),
    [
        (Path.unlink, SIZE, "there is no file .*released.pth"),
        (cut, SIZE, "released.pth cannot be read as weights"),
        (empty, SIZE, "released.pth cannot be read as weights"),
        (with_objects, SIZE, "is no released checkpoint: expected weights .*"),
        (of_another_kind, SIZE, "is no released checkpoint: expected weights .*, got layer.weight"),
        (without_neck, SIZE, "heads.bottleneck.0.weight is missing"),
        (leave, (), "32 positions, where 256 x 128 has 16 x 8 patches of 16: give its size by --image-size H W"),
        (leave, (*SIZE, "--format", "clip-reid"), "no complete checkpoint"),
        (leave, (*SIZE, "--output", "{input}"), "--output is the --input"),
        (leave, (*SIZE, "--config-file", "none.yml"), "there is no config file none.yml"),
        (leave, (*SIZE, "--output", "{input}/below/a/file.pth"), "is a file; name another file"),
    ],
)
def test_what_cannot_be_converted_ends_in_one_sentence(spoil, arguments, message, released_file, run_tool, tmp_path):
    spoil(released_file)
    before = sorted(path.name for path in tmp_path.iterdir())
    arguments = [str(word).format(input=released_file) for word in ("--output", tmp_path / "converted.pth", *arguments)]
    status, written = run_tool("convert_checkpoint", "--input", released_file, *arguments)
    assert status == 2
    assert re.fullmatch(f"error: .*{message}.*\n", written), written
    assert sorted(path.name for path in tmp_path.iterdir()) == before, "nothing is half-written"
