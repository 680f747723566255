"""tools/train_net.py as a user runs it: in a process of its own where one is without libraries, files or a folder of data."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from dcac_fastreid import check_command, one_sentence_errors
from fastreid.engine import default_argument_parser

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def run(cache_folder, tmp_path):
    """Runs the script from an empty folder, where neither datasets/ nor weights/ lies; returns the finished process."""

    def run(config, *args, **variables):
        command = [
            sys.executable,
            ROOT / "tools" / "train_net.py",
            "--config-file",
            ROOT / "configs" / "DCAC" / config,
            *args,
        ]
        return subprocess.run(
            list(map(str, command)),
            cwd=tmp_path,
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            timeout=280,
        )

    return run


@pytest.fixture
def trained(train_net):
    """Runs the script in this process; returns what it wrote."""

    def trained(config, *args) -> str:
        status, written = train_net("--config-file", ROOT / "configs" / "DCAC" / config, *args)
        assert status == 0, written
        return written

    return trained


@pytest.fixture
def tiny(tiny_data, tmp_path):
    """KEY VALUE pairs of a run of 3 steps on the tiny synthetic data set."""
    return [
        "MODEL.DEVICE", "cpu",
        "SOLVER.AMP.ENABLED", "False",
        "DATASETS.ROOT", tiny_data,
        "SOLVER.IMS_PER_BATCH", "16",
        "SOLVER.MAX_EPOCH", "1",
        "OUTPUT_DIR", tmp_path / "out",
    ]  # fmt: skip


@pytest.fixture
def refused(monkeypatch, tmp_path, capsys):
    """What the script prints of a command that it refuses before it starts; its own first step, in this process."""

    def refused(config, *args) -> str:
        monkeypatch.chdir(tmp_path)
        command = ["--config-file", str(ROOT / "configs" / "DCAC" / config), *map(str, args)]
        with pytest.raises(SystemExit) as stopped, one_sentence_errors():
            check_command(default_argument_parser().parse_args(command))
        assert stopped.value.code == 2
        return capsys.readouterr().err

    return refused


def scores(written: str) -> list[str]:
    """The figures of the last evaluation table: Rank-1, Rank-5, Rank-10, mAP, mINP, metric."""
    return re.findall(r"\| DG_\w+ +\|(.*)\|", written)[-1].split("|")


def scores_of(finished) -> list[str]:
    assert finished.returncode == 0, finished.stderr
    return scores(finished.stdout)


def test_all_that_is_missing_is_listed_before_anything_starts(run, tmp_path):
    finished = run("ma_ms.yml")
    assert finished.returncode == 2 and "Traceback" not in finished.stderr
    for expected in (
        "4 things are missing",
        "DG_Market1501: no folder datasets/Market-1501-v15.09.15",
        "DG_MSMT17: no folder datasets/MSMT17_V1",
        "no file weights/ViT-B-16.pt",
        "no folder weights/stable-diffusion-v1-5",
        "https://",
        "dcac-fastreid train --config-file DCAC/synthetic/ma_ms.yml",
    ):
        assert expected in finished.stderr
    assert list(tmp_path.iterdir()) == [], "nothing is written"


def test_half_a_data_set_and_half_a_model_are_missing_too(refused, tmp_path):
    unet = "weights/stable-diffusion-v1-5/unet"
    for folder in ("datasets/Market-1501-v15.09.15/bounding_box_train", "datasets/MSMT17_V1", unet):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / unet / "config.json").write_text("{}")
    message = refused("ma_ms.yml")
    assert "Market1501: no query, bounding_box_test in datasets/Market-1501-v15.09.15" in message
    assert "MSMT17: no train, test, list_train.txt" in message
    assert "vae/config.json, scheduler/scheduler_config.json, unet/*.safetensors, vae/*.safetensors" in message


def test_the_baseline_needs_no_stable_diffusion(refused):
    assert "3 things are missing" in refused("baseline/ma_ms.yml")


def test_an_evaluation_asks_for_its_checkpoint_and_its_targets_alone(refused):
    message = refused("ma_ms.yml", "--eval-only")
    assert "2 things are missing" in message and "MODEL.WEIGHTS" in message and "MSMT17" in message


def test_an_evaluation_does_not_mind_settings_of_the_training(refused):
    """A training in fp16 needs a GPU; a test does not."""
    fp16 = ("MODEL.DEVICE", "cpu", "SOLVER.AMP.ENABLED", "True", "SOLVER.AMP.DTYPE", "fp16")
    assert "fp16 training needs a GPU" in refused("ma_ms.yml", *fp16)
    assert "fp16" not in refused("ma_ms.yml", "--eval-only", *fp16)


# Refuses the libraries of the training side, as on a machine that has none of them.
BLOCKER = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("diffusers", "peft"):
            raise ImportError(f"{name} is not installed here")
sys.meta_path.insert(0, Blocker())
"""


# fast-reid's DefaultPredictor on the images in images.pt; prints the features.
PREDICT = """
import sys, torch, dcac_fastreid
from fastreid.engine import DefaultPredictor
cfg = dcac_fastreid.load_config(sys.argv[1], sys.argv[2:])
print(DefaultPredictor(cfg)(torch.load("images.pt")).tolist())
"""


@pytest.fixture
def blocked(tmp_path):
    """The environment of a process that has neither diffusers nor peft nor the small parts; the cache folder is not there."""
    (tmp_path / "blocked").mkdir()
    (tmp_path / "blocked" / "sitecustomize.py").write_text(BLOCKER)
    return {
        "PYTHONPATH": os.pathsep.join([str(tmp_path / "blocked"), str(ROOT)]),
        "DCAC_FASTREID_CACHE": str(tmp_path / "empty-cache"),
    }


def test_a_checkpoint_is_tested_without_diffusers_peft_and_pretrained_weights(
    run, trained, tiny, blocked, monkeypatch, tmp_path
):
    """From the run's own config.yaml: the run's own scores. FASTREID_DATASETS does not leak in."""
    elsewhere = tmp_path / "elsewhere" / "Market-1501-v15.09.15"
    elsewhere.mkdir(parents=True)
    monkeypatch.setenv("FASTREID_DATASETS", str(elsewhere.parent))
    of_training = scores(trained("synthetic/ma_ms.yml", *tiny))
    before = (tmp_path / "out" / "config.yaml").read_text()
    weights = ("MODEL.WEIGHTS", tmp_path / "out" / "model_final.pth")
    tested = run(tmp_path / "out" / "config.yaml", "--eval-only", *weights, **blocked)
    assert scores_of(tested) == of_training
    assert (tmp_path / "out" / "config.yaml").read_text() == before, "the training's config stays"
    assert not (tmp_path / "empty-cache").exists(), "no small part was made again"


@pytest.mark.slow
def test_source_config_and_run_config_give_the_same_scores_and_features(run, tiny, blocked, tmp_path):
    own = scores_of(run("synthetic/ma_ms.yml", *tiny))
    weights = ("MODEL.WEIGHTS", tmp_path / "out" / "model_final.pth")
    assert scores_of(run("synthetic/ma_ms.yml", "--eval-only", *tiny, *weights, **blocked)) == own
    torch.save(255 * torch.rand(2, 3, 128, 64), tmp_path / "images.pt")
    source = ROOT / "configs" / "DCAC" / "synthetic" / "ma_ms.yml"
    features = [
        subprocess.run(
            [sys.executable, "-c", PREDICT, config, *map(str, (*tiny, *weights))],
            cwd=tmp_path, env={**os.environ, **variables}, capture_output=True, text=True, check=True,
        ).stdout.splitlines()[-1]
        for config, variables in ((source, {}), (tmp_path / "out" / "config.yaml", blocked))
    ]  # fmt: skip
    assert features[0] == features[1] and len(json.loads(features[0])[0]) == 128


def test_a_run_is_resumed(trained, tiny, tmp_path):
    assert scores(trained("synthetic/baseline/ma_ms.yml", *tiny))
    resumed = trained("synthetic/baseline/ma_ms.yml", "--resume", *tiny, "SOLVER.MAX_EPOCH", "2")
    assert scores(resumed) and "going on at epoch 2\n" in resumed
    assert list((tmp_path / "out").glob("earlier-*")) == []
    (tmp_path / "out" / "config.yaml").write_text("SEED: [")  # as a kill may leave it
    assert scores(trained("synthetic/baseline/ma_ms.yml", *tiny))
    (earlier,) = (tmp_path / "out").glob("earlier-*")
    assert (earlier / "model_final.pth").is_file() and (earlier / "metrics.json").is_file()


def test_a_dry_run_tells_the_cost_of_a_training_and_writes_nothing(train_net, tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("DCAC_FASTREID_CACHE", str(tmp_path / "cache"))
    config = ROOT / "configs" / "DCAC" / "synthetic" / "baseline" / "ma_ms.yml"
    status, written = train_net("--dry-run", "--config-file", config, *tiny)
    assert status == 0, written
    words = (
        "training images of DG_Market1501",
        "checkpoints (model_final.pth)",
        "disk: ",
        "time: ",
        "Nothing was written.",
    )
    assert all(word in written for word in words)
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_checks_what_a_training_checks(train_net, tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("DCAC_FASTREID_CACHE", str(tmp_path / "cache"))
    config = ROOT / "configs" / "DCAC" / "synthetic" / "ma_ms.yml"
    for words, sentence in (
        (["DATASETS.ROOT", tmp_path / "none"], "nothing was started, 2 things are missing:"),
        (["SOLVER.MAX_EPOCH", "0"], "SOLVER.MAX_EPOCH is 0"),
        (["MODEL.BACKBONE.FEAT_DIM", "7"], "MODEL.BACKBONE.FEAT_DIM is 7"),
    ):
        status, written = train_net("--dry-run", "--config-file", config, *tiny, *words)
        assert status == 2 and sentence in written and "Traceback" not in written
    status, written = train_net("--dry-run", "--eval-only", "--config-file", config, *tiny)
    assert status == 2 and "--dry-run is for a training" in written
    assert list(tmp_path.iterdir()) == []
