"""A training process killed with SIGKILL at random moments, and resumed, ends as one that was never stopped."""

import logging
import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch

from dcac_fastreid.engine.run_folder import take

from . import same_run

ROOT = Path(__file__).parent.parent.parent


def command(tiny_data: Path, folder: Path, resume: bool, epochs: int) -> list[str]:
    """A training of DCAC on its own source: epochs of 3 steps, each with checkpoints, an evaluation and model_best."""
    words = [
        "tools/train_net.py",
        "--verbose",
        "--config-file",
        "configs/DCAC/synthetic/ma_ma.yml",
        *(["--resume"] if resume else []),
    ]
    return [
        sys.executable,
        *words,
        *(str(word) for pair in settings(tiny_data, folder, epochs).items() for word in pair),
    ]


def settings(tiny_data: Path, folder: Path, epochs: int) -> dict:
    return {
        "DATASETS.ROOT": str(tiny_data), "OUTPUT_DIR": str(folder), "MODEL.DEVICE": "cpu", "SOLVER.IMS_PER_BATCH": 16,
        "SOLVER.AMP.ENABLED": False, "SOLVER.MAX_EPOCH": epochs, "SOLVER.STEPS": f"[{epochs // 2}]", "SOLVER.CHECKPOINT_PERIOD": 1,
        "SOLVER.CHECKPOINT_STEPS": 1, "TEST.EVAL_PERIOD": 1,
    }  # fmt: skip


def environment(cache: Path) -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "DCAC_FASTREID_CACHE": str(cache)}


def run(words: list[str], cache: Path, kill_after: float | None = None, line: str = "") -> bool:
    """Runs to the end, or kills the process so many seconds after it printed a line with these words; whether it ended."""
    process = subprocess.Popen(
        words,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment(cache),
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


def survive(kills: int, whole: Path, tiny_data: Path, tmp_path: Path, rounds: int = 1, epochs: int = 4) -> int:
    """Kills runs so often, resumes them each time, and compares their ends with a run that is `whole`; returns how
    many kills met a running process.

    Each run has a cache of its own, so that kills also meet the making of latents. A run that has come to its end is only
    evaluated when it is resumed: so after some kills the next round begins another one.
    """
    draw, met = random.Random(kills), 0
    for number in range(rounds):
        folder, cache = tmp_path / f"killed-{number}", tmp_path / f"cache-{number}"
        words = command(tiny_data, folder, True, epochs)
        for kill in range(kills // rounds):
            # The training takes about three seconds, all before it about as long.
            line, longest = ("Starting training from epoch", 1.5) if kill % 2 == 0 else ("Rank of current process", 5.0)
            met += not run(words, cache, draw.uniform(0.0, longest), line)
        assert run(words, cache)
        same_run.assert_same(folder, whole)
        assert nothing_is_left(folder)
    return met


def nothing_is_left(folder: Path) -> bool:
    """No temporary file of a killed process, and no note of who holds the folder."""
    return not [*folder.rglob("*.unfinished"), *folder.rglob("run.lock.json")]


def test_a_kill(make_trainer, tiny_data, tmp_path, monkeypatch):
    """Behind the first checkpoint. The whole run, and the resumed one, are in this process."""
    words, folder = command(tiny_data, tmp_path / "killed", False, 2), tmp_path / "killed"
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL, env=environment(tmp_path / "cache"))
    while process.poll() is None and not (folder / "model_steps.pth").exists():
        time.sleep(0.01)
    process.kill()
    assert process.wait() == -9
    monkeypatch.setenv("DCAC_FASTREID_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(logging.getLogger("fastreid"), "handlers", [])
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as that process has
    try:
        for of_run in (folder, tmp_path / "whole"):
            trainer = make_trainer(
                "ma_ma.yml", *(word for pair in settings(tiny_data, of_run, 2).items() for word in pair)
            )
            trainer.resume_or_load(resume=of_run == folder)
            assert (trainer.progress.steps > 0) == (of_run == folder)
            trainer.train()
    finally:
        torch.set_num_threads(threads)
    same_run.assert_same(folder, tmp_path / "whole")
    assert nothing_is_left(folder)


@pytest.mark.slow
@pytest.mark.timeout(2700)
def test_a_hundred_kills(tiny_data, tmp_path):
    assert run(command(tiny_data, tmp_path / "whole", False, 4), tmp_path / "cache-whole")
    met = survive(100, tmp_path / "whole", tiny_data, tmp_path, rounds=10)
    print(
        f"{met} of 100 kills met a running training, and 10 of 10 runs ended to the bit as one that was never stopped"
    )
    assert met >= 50


@pytest.mark.slow
def test_a_killed_training_is_started_again_at_once_though_its_loaders_live(tiny_data, tmp_path):
    """Killed in its first steps, with two processes that load images; they end by themselves, as PyTorch's do."""
    words = [*command(tiny_data, tmp_path / "out", False, 4), "DATALOADER.CACHE_IMAGES", "False"]
    words += ["DATALOADER.NUM_WORKERS", "2", "SOLVER.MAX_EPOCH", "40"]
    first = subprocess.Popen(
        words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment(tmp_path)
    )
    assert any("model_step" in line or "Saving checkpoint" in line for line in first.stdout)
    loaders = [int(word) for word in Path(f"/proc/{first.pid}/task/{first.pid}/children").read_text().split()]
    assert len(loaders) >= 2
    first.kill()
    first.wait()
    assert any(Path(f"/proc/{loader}").exists() for loader in loaders), "they live, and have not kept the lock"
    take(str(tmp_path / "out")).release()
    deadline = time.monotonic() + 15
    while any(map(lives, loaders)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(lives, loaders))


def lives(process: int) -> bool:
    """An orphan may stay as a zombie where nobody collects it."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")")[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
