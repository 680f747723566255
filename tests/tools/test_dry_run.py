"""The parts of `make dry-run` that are small; the dry run itself is in `make test-slow`."""

import importlib.util
import sys
from pathlib import Path

import open_clip
import pytest
import torch

from dcac_fastreid.reid.clip_vit import CLIPViT
from dcac_fastreid.reid.clip_weights import load_image_tower

SCRIPT = Path(__file__).parent.parent.parent / "tools" / "dry_run.py"
TABLE = "print('| DG_MSMT17   | 10.00   | 20.00  | {}  |')"


@pytest.fixture(scope="module")
def dry_run():
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("dry_run", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["dry_run"] = module  # dataclasses look it up
    spec.loader.exec_module(module)
    yield module
    del sys.modules["dry_run"]


@pytest.fixture
def run(dry_run, tmp_path):
    """Runs a stage of some Python code."""
    return lambda code, name="train": dry_run.run_stage(name, [sys.executable, "-c", code], tmp_path, tmp_path)


def test_the_archive_is_read_as_openais(dry_run, tmp_path):
    """By the loader: fp16 for the layers, fp32 for normalisations and embeddings, three numbers beside the weights."""
    backbone = CLIPViT("synthetic-ViT-16", (224, 224))  # also makes the architecture known to open_clip
    torch.manual_seed(0)
    config = open_clip.get_model_config("synthetic-ViT-16")
    config["vision_cfg"]["image_size"] = 224
    model = open_clip.CLIP(**config)
    dry_run.save_as_openai(model, tmp_path / "ViT-B-16.pt")
    archive = torch.jit.load(tmp_path / "ViT-B-16.pt").state_dict()
    assert archive.keys() - model.state_dict().keys() == {"input_resolution", "context_length", "vocab_size"}
    assert archive["visual.conv1.weight"].dtype == archive["visual.proj"].dtype == torch.float16
    assert archive["visual.ln_pre.weight"].dtype == archive["token_embedding.weight"].dtype == torch.float32
    load_image_tower(backbone.tower, str(tmp_path / "ViT-B-16.pt"), interpolation="bilinear")
    weights = backbone.tower.state_dict()
    assert all(torch.equal(weights[name], weight.float()) for name, weight in model.visual.state_dict().items())


def test_a_stage_tells_memory_and_scores(run):
    stage = run(f"block = b'x' * 300_000_000; {TABLE.format('30.00')}")
    assert stage.scores == ("10.00", "20.00", "30.00")
    assert 300e6 < stage.peak_memory < 5e9 and 0 < stage.seconds < 60


@pytest.mark.parametrize(
    "code, message",
    [
        ("print('half'); raise SystemExit(2)", "stage 'train' ended with status 2; its log is .*train.txt"),
        ("import os; os.kill(os.getpid(), 9)", "status -9, killed, perhaps for want of memory; its log"),
        ("print('no table')", "stage 'train' printed no evaluation table; its log is .*train.txt"),
    ],
)
def test_a_failed_stage_names_its_log(dry_run, run, tmp_path, code, message):
    with pytest.raises(dry_run.Failed, match=message):
        run(code)
    assert (tmp_path / "train.txt").exists()


@pytest.mark.parametrize(
    "line", ["epoch/iter: 0/2  total_loss: 1  loss_diffusion: 1", "epoch/iter: 0/1  total_loss: 1", ""]
)
def test_the_training_must_be_two_steps_of_dcac(dry_run, tmp_path, line):
    (tmp_path / "train.txt").write_text("epoch/iter: 0/1  total_loss: 18.03  loss_pcl: 15.51  loss_diffusion: 1.126\n")
    dry_run.check_steps(tmp_path / "train.txt")
    (tmp_path / "train.txt").write_text(line)
    with pytest.raises(dry_run.Failed, match="instead of a last one 0/1"):
        dry_run.check_steps(tmp_path / "train.txt")


def test_evaluations_must_agree(dry_run, run, tmp_path):
    stages = [run(TABLE.format(score), name) for name, score in (("train", "30.00"), ("evaluate", "30.01"))]
    dry_run.check_agreement([stages[0], stages[0]], tmp_path)
    with pytest.raises(dry_run.Failed, match="'evaluate' evaluates to .*30.01.*, 'train' to .*30.00"):
        dry_run.check_agreement(stages, tmp_path)


def test_the_table_names_every_stage(dry_run):
    stages = [dry_run.Stage(name, 12.3, 8_200_000_000, ("1.00",)) for name in ("prepare", "train")]
    text = dry_run.table(stages, 1_060_000_000)
    assert "| train" in text and "| 12 " in text and "| 8.2 " in text and "checkpoint: 1.06 GB" in text
