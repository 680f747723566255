"""A training's own command in two processes, by fast-reid's options and by torchrun, and a script of fast-reid."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", 2)
SCRIPT = ROOT / "tests" / "like_fast_reid" / "tools" / "train_net.py"
CONFIG = ("--config-file", "DCAC/synthetic/ma_ms.yml")
WAYS = {
    "one process": ("tools/train_net.py", *CONFIG),
    "--num-gpus": ("-m", "dcac_fastreid", "train", "--num-gpus", 2, *CONFIG),
    "torchrun": (*TORCHRUN, "tools/train_net.py", *CONFIG),
    "torchrun -m": (*TORCHRUN, "-m", "dcac_fastreid", "train", *CONFIG),
    "torchrun and a script": (*TORCHRUN, "-m", "dcac_fastreid", SCRIPT, *CONFIG),
}
pytestmark = pytest.mark.slow


def command(data_root: Path, *words) -> subprocess.CompletedProcess:
    opts = [
        "MODEL.DEVICE", "cpu", "SOLVER.AMP.ENABLED", False, "DATASETS.ROOT", data_root, "SOLVER.IMS_PER_BATCH", 16,
        "SOLVER.CHECKPOINT_PERIOD", 1,
    ]  # fmt: skip
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    words = [sys.executable, *map(str, (*words, *opts))]
    return subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True)


def scores(folder: Path) -> dict[str, float]:
    lines = [json.loads(line) for line in (folder / "metrics.json").open()]
    return {
        name: value for line in lines for name, value in line.items() if name in ("mAP", "Rank-1", "loss_diffusion")
    }


@pytest.fixture(scope="module")
def of_one(tiny_data, tmp_path_factory) -> dict[str, float]:
    return scores(begun("one process", tiny_data, tmp_path_factory.mktemp("one")))


def begun(way: str, data_root: Path, folder: Path) -> Path:
    """The folder of an epoch that was trained and tested in this way."""
    finished = command(data_root, *WAYS[way], "SOLVER.MAX_EPOCH", 1, "TEST.EVAL_PERIOD", 1, "OUTPUT_DIR", folder)
    assert finished.returncode == 0 and "Traceback" not in finished.stderr, finished.stderr
    assert finished.stdout.count("| DG_MSMT17   |") == (0 if "script" in way else 1)
    return folder


@pytest.mark.parametrize("way", [way for way in WAYS if way != "one process"])
def test_every_way_is_the_run_of_one_process_which_goes_on_with_it(of_one, tiny_data, tmp_path, way):
    found = scores(begun(way, tiny_data, tmp_path))
    assert found.keys() == of_one.keys() == {"mAP", "Rank-1", "loss_diffusion"}
    for name, value in of_one.items():
        assert abs(found[name] - value) <= 1e-4 * abs(value), name
    going_on = ("--resume", "SOLVER.MAX_EPOCH", 2, "TEST.EVAL_PERIOD", 0, "OUTPUT_DIR", tmp_path)
    resumed = command(tiny_data, *WAYS["one process"], *going_on)
    assert resumed.returncode == 0 and "going on at epoch 2" in resumed.stdout, resumed.stderr


@pytest.mark.parametrize("way", ["--num-gpus", "torchrun"])
def test_a_refusal_is_told_once_and_nothing_is_written(tiny_data, tmp_path, way):
    finished = command(tiny_data, *WAYS[way], "SOLVER.BASE_LR", 0.0, "OUTPUT_DIR", tmp_path / "out")
    assert finished.returncode == (2 if way == "--num-gpus" else 1)  # torchrun's own, of processes that end with 2
    told = [line for line in finished.stderr.splitlines() if line.startswith("error: ")]
    assert told == ["error: SOLVER.BASE_LR is 0, at which nothing is learned; it must be above 0"]
    assert not (tmp_path / "out").exists()
