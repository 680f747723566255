"""tools/reproduce.py is interrupted or killed: no process stays, and it says how to go on."""

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from ..signals import descendants, hear_interrupts, lives
from .reproduce_words import command, environment

ROOT = Path(__file__).parent.parent.parent


def group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_interrupt_says_how_to_go_on(tiny_data, tmp_path, cache_folder, jobs):
    words = command(tiny_data, tmp_path, "--jobs", jobs)
    process = subprocess.Popen(
        words, cwd=ROOT, env=environment(cache_folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=hear_interrupts,
    )  # fmt: skip
    assert process.stdout.readline() == "2 runs: 0 done, 0 begun, 2 to train\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    assert process.returncode == 130, errors
    assert "Stopped; 0 of 2 runs are done. To go on: python tools/reproduce.py --synthetic" in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGKILL, marks=pytest.mark.slow)])
def test_a_kill_ends_the_trainings_too(tiny_data, tmp_path, cache_folder, number):
    words = command(tiny_data, tmp_path, "--jobs", "2")
    process = subprocess.Popen(
        words, cwd=ROOT, env=environment(cache_folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        while process.poll() is None and len(list(tmp_path.glob("*/MA/*/result.lock"))) < 2:  # each training runs
            time.sleep(0.1)
        process.send_signal(number)
        _, errors = process.communicate()
        if number == signal.SIGTERM:
            assert process.returncode == 130 and "Stopped; 0 of 2 runs are done. To go on: " in errors, errors
        deadline = time.monotonic() + 20  # the last of them may still be on its way out
        while group_lives(process.pid) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not group_lives(process.pid)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def words_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:  # it has just ended
        return ""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_ends_all_processes_that_share_a_training(tiny_data, tmp_path, cache_folder, number):
    words = [*command(tiny_data, tmp_path, "--num-gpus", "2"), "SOLVER.MAX_EPOCH", "50"]
    process = subprocess.Popen(
        words, cwd=ROOT, env=environment(cache_folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True, preexec_fn=hear_interrupts,
    )  # fmt: skip
    while process.poll() is None and not list(tmp_path.glob("*/MA/*/metrics.json")):
        time.sleep(0.1)
    below = descendants(process.pid)
    assert sum("spawn_main" in words_of(pid) for pid in below) >= 2, "they share a training"
    process.send_signal(number)
    _, errors = process.communicate()
    assert process.returncode == (-9 if number == signal.SIGKILL else 130), errors
    if number != signal.SIGKILL:
        assert errors.startswith("\nStopped; 0 of 2 runs are done. To go on: ") and errors.count("\n") == 2
    deadline = time.monotonic() + 20
    while any(map(lives, below)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(lives, below))
