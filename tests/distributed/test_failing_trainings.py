"""Whole trainings of two processes that are killed, fail, hang or are stopped, by both launchers (check 11 of DISTRIBUTED.md)."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ..signals import descendants, hear_interrupts, lives
from .test_commands import CONFIG, ROOT, TORCHRUN

FAULTY = ROOT / "tests" / "distributed" / "faulty.py"
WAYS = {"torchrun": [*TORCHRUN, FAULTY], "--num-gpus": [FAULTY, "--num-gpus", 2]}
LIMIT = 15  # seconds, instead of 30 minutes
ENDED = "process 1 of the run has ended by SIGKILL, from outside or for want of memory; go on with --resume"
LOST = "process 1 of the run no longer answers (Con"
# Fault -> how its one message begins, by torchrun and by --num-gpus; the exit status with --num-gpus (torchrun's own is 1).
FAULTS = {
    "killed": (f"error: {LOST}", f"error: {ENDED}", 2),
    "input": ("error: planted is 1; expected 0", "error: planted is 1; expected 0", 2),
    "plain": ("KeyError: 'planted'", "KeyError: 'planted'", 1),
    "diverged": ("error: the training has diverged: loss_cls", "error: the training has diverged: loss_cls", 2),
    "sleeps": ("error: process 1 of the run no longer answers (Timed out", "error: process 1 of the run no longer", 2),
}
SIGNALS = {signal.SIGINT: ("Ctrl-C", 130), signal.SIGTERM: ("SIGTERM", 143), signal.SIGKILL: ("", -9)}
pytestmark = pytest.mark.slow


class Training:
    """A training of two epochs of three steps that has been started."""

    def __init__(
        self, words, data_root: Path, folder: Path, fault: str = "none", step: int = 4, epochs: int = 2, opts=()
    ):
        settings = {
            "MODEL.DEVICE": "cpu", "SOLVER.AMP.ENABLED": False, "DATASETS.ROOT": data_root, "SOLVER.IMS_PER_BATCH": 16,
            "SOLVER.CHECKPOINT_PERIOD": 1, "SOLVER.MAX_EPOCH": epochs, "TEST.EVAL_PERIOD": 0, "OUTPUT_DIR": folder / "run",
            "DATALOADER.CACHE_IMAGES": False, "DATALOADER.NUM_WORKERS": 1,
        }  # fmt: skip
        told = {"FAULT": fault, "STEP": str(step), "LIMIT": str(LIMIT), "FOLDER": str(folder)}
        self.folder = folder
        with open(folder / "out", "w") as out, open(folder / "err", "w") as err:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    *map(str, (*words, *CONFIG, *(word for pair in settings.items() for word in pair), *opts)),
                ],
                cwd=ROOT,
                env=os.environ | {"PYTHONPATH": str(ROOT)} | told,
                stdout=out,
                stderr=err,
                start_new_session=True,
                preexec_fn=hear_interrupts,
            )

    def reaches(self, step: int) -> None:
        while not (self.folder / f"step {step}").exists():
            assert self.process.poll() is None, self.errors()
            time.sleep(0.05)

    def errors(self) -> list[str]:
        """What it has said on standard error, without torchrun's own lines."""
        text = (self.folder / "err").read_text()
        of_torchrun = text.find('Traceback (most recent call last):\n  File "<frozen runpy>"')
        return [
            line
            for line in text[: of_torchrun if of_torchrun >= 0 else None].splitlines()
            if line[:1] not in "WE[" or line.startswith(("Error", "[rank"))  # "[rank0]:" is a process's traceback
        ]


@pytest.fixture(params=WAYS)
def way(request) -> str:
    return request.param


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_one_process_ends_the_job_with_its_message(way, fault, tiny_data, tmp_path):
    training = Training(WAYS[way], tiny_data, tmp_path, fault)
    training.reaches(3)
    begin = time.monotonic()
    status = training.process.wait()
    seconds = time.monotonic() - begin
    print(f"{way}, {fault}: {seconds:.1f} s, status {status}: {training.errors()[-1]}")
    assert seconds < LIMIT + 60
    *before, last = training.errors()
    assert last.startswith(FAULTS[fault][way == "--num-gpus"])
    if fault == "plain":
        assert before[0].startswith("Traceback") and sum(line.startswith("Traceback") for line in before) == 1
    else:
        assert before == []
    assert status == (FAULTS[fault][2] if way == "--num-gpus" else 1)
    assert (tmp_path / "run" / "model_0000.pth").exists()


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_to_the_launcher_ends_all_processes(way, number, tiny_data, tmp_path):
    training = Training(WAYS[way], tiny_data, tmp_path, epochs=50)
    training.reaches(4)
    below = descendants(training.process.pid)
    assert len(below) >= 4, "two processes, each of which has one that loads images"
    begin = time.monotonic()
    training.process.send_signal(number)
    status = training.process.wait()
    ended = time.monotonic() - begin
    while any(map(lives, below)) and time.monotonic() - begin < 60:
        time.sleep(0.05)
    print(f"{way}, {number.name}: {ended:.1f} s, all gone after {time.monotonic() - begin:.1f} s, status {status}")
    assert not any(map(lives, below))
    by, expected = SIGNALS[number]
    assert status == (1 if way == "torchrun" and by else expected)
    said = training.errors()
    assert len(said) == bool(by) and all(line.startswith(f"stopped by {by} at epoch/iter ") for line in said), said
    assert all("go on with --resume, from" in line for line in said)


@pytest.mark.parametrize("step", [1, 4])
def test_torchruns_restart_goes_on_with_the_run(step, tiny_data, tmp_path):
    words = [*TORCHRUN, "--max-restarts", 1, FAULTY]
    training = Training(words, tiny_data, tmp_path, "killed", step)
    assert training.process.wait() == 0, training.errors()
    said = (tmp_path / "out").read_text()
    assert said.count("Training DCAC on") == 2 and ("going on at epoch 2" in said) == (step > 3)
    assert (tmp_path / "run" / "model_final.pth").exists() and not list((tmp_path / "run").glob("earlier-*"))


def test_restarts_of_two_machines_go_on_with_the_run(tiny_data, tmp_path):
    """Two agents of torchrun on this machine: the one whose process is killed counts a restart, the other one need not."""
    at = ["--rdzv-backend", "c10d", "--rdzv-endpoint", f"127.0.0.1:{free_port()}", "--rdzv-id", "job"]
    words = ["-m", "torch.distributed.run", "--nnodes", 2, "--nproc-per-node", 1, *at, "--max-restarts", 1, FAULTY]
    folders = tmp_path / "first", tmp_path / "second"
    for folder in folders:
        folder.mkdir()
    agents = [Training(words, tiny_data, folder, "killed", opts=["OUTPUT_DIR", tmp_path / "run"]) for folder in folders]
    assert [agent.process.wait() for agent in agents] == [0, 0], [agent.errors() for agent in agents]
    said = "".join((folder / "out").read_text() for folder in folders)
    assert "going on at epoch 2" in said
    assert (tmp_path / "run" / "model_final.pth").exists() and not list((tmp_path / "run").glob("earlier-*"))


def test_torchruns_restart_of_one_process_goes_on_with_the_run(tiny_data, tmp_path):
    words = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", 1, "--max-restarts", 1, FAULTY]
    training = Training(words, tiny_data, tmp_path, "killed")
    assert training.process.wait() == 0, training.errors()
    assert "going on at epoch 2" in (tmp_path / "out").read_text() and not list((tmp_path / "run").glob("earlier-*"))


def test_what_a_killed_job_has_saved_goes_on(way, tiny_data, tmp_path):
    training = Training(WAYS[way], tiny_data, tmp_path, "killed")
    assert training.process.wait() != 0
    words = [*WAYS[way], "--resume"]
    resumed = Training(words, tiny_data, tmp_path)
    assert resumed.process.wait() == 0, resumed.errors()
    assert "going on at epoch 2" in (tmp_path / "out").read_text()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
