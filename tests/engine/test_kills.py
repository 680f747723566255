"""A training process killed with SIGKILL at random moments, and resumed, ends as one that was never stopped."""

import os
import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from . import same_run

ROOT = Path(__file__).parent.parent.parent


def command(tiny_world: Path, folder: Path, resume: bool) -> list[str]:
    """A training of DCAC on its own source: 4 epochs of 3 steps, each with checkpoints, an evaluation and model_best."""
    settings = {
        "DATASETS.ROOT": tiny_world, "OUTPUT_DIR": folder, "MODEL.DEVICE": "cpu", "SOLVER.IMS_PER_BATCH": 16,
        "SOLVER.AMP.ENABLED": False, "SOLVER.MAX_EPOCH": 4, "SOLVER.STEPS": "[2]", "SOLVER.CHECKPOINT_PERIOD": 1,
        "SOLVER.CHECKPOINT_STEPS": 1, "TEST.EVAL_PERIOD": 1,
    }  # fmt: skip
    words = [
        "tools/train_net.py",
        "--config-file",
        "configs/DCAC/synthetic/ma_ma.yml",
        *(["--resume"] if resume else []),
    ]
    return [sys.executable, *words, *(str(word) for pair in settings.items() for word in pair)]


def run(words: list[str], cache: Path, kill_after: float | None = None, line: str = "") -> bool:
    """Runs to the end, or kills the process so many seconds after it printed a line with these words; whether it ended."""
    process = subprocess.Popen(
        words,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "DCAC_FASTREID_CACHE": str(cache)},
    )
    log, timer = [], None
    for printed in process.stdout:
        log.append(printed)
        if kill_after is not None and timer is None and line in printed:
            timer = threading.Timer(kill_after, process.kill)
            timer.start()
    status = process.wait()
    if timer:
        timer.cancel()
    assert status in (0, -9), "".join(log[-40:])
    return status == 0


def survive(kills: int, tiny_world: Path, tmp_path: Path) -> int:
    """Kills a run so often, resumes it each time, and compares its end; returns how many kills met a running process.

    Each run has a cache of its own, so that kills also meet the making of small parts and of latents.
    """
    assert run(command(tiny_world, tmp_path / "whole", resume=False), tmp_path / "cache-whole")
    words, cache = command(tiny_world, tmp_path / "killed", resume=True), tmp_path / "cache"
    draw, met = random.Random(kills), 0
    for kill in range(kills):
        # The training takes about three seconds, all before it about as long; a run that has come to its end is
        # evaluated when it is resumed.
        line, longest = ("Starting training from epoch", 1.5) if kill % 2 else ("Rank of current process", 5.0)
        met += not run(words, cache, draw.uniform(0.0, longest), line)
    assert run(words, cache)
    same_run.assert_same(tmp_path / "killed", tmp_path / "whole")
    return met


def test_three_kills(tiny_world, tmp_path):
    assert survive(3, tiny_world, tmp_path) >= 1


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_twenty_kills(tiny_world, tmp_path):
    met = survive(20, tiny_world, tmp_path)
    print(f"{met} of 20 kills met a running training")
    assert met >= 10
