"""How a command ends: status and words, for each kind of end."""

import errno
import io
import logging
import os
import signal
import subprocess
import sys
import time
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest
import torch
from PIL import UnidentifiedImageError
from torch.utils.data import DataLoader

from dcac_fastreid import command_line, one_sentence_errors
from dcac_fastreid.errors import DivergenceError, InputError

ROOT = Path(__file__).parent.parent


@pytest.fixture
def end(capsys):
    """The status and the words with which a command ends that raises something."""

    def end(error):
        with pytest.raises(SystemExit) as stopped, one_sentence_errors():
            raise error
        return stopped.value.code, capsys.readouterr().err

    return end


class OfAWorker:
    """A data set that raises in a loader's process."""

    def __init__(self, error):
        self._error = error

    def __len__(self):
        return 1

    def __getitem__(self, index):
        raise self._error


def from_worker(error) -> Exception:
    try:
        next(iter(DataLoader(OfAWorker(error), num_workers=1)))
    except Exception as raised:
        return raised


@pytest.mark.parametrize(
    "error, words",
    [
        (InputError("a setting"), "a setting"),
        (InputError("2 things are missing:", "ab"), "2 things are missing:\n  - a\n  - b"),
        (DivergenceError("the loss"), "the loss"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "a.jpg"), "No such file or directory: 'a.jpg'"),
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device; free some space"),
        (OSError(errno.EIO), "Input/output error"),
        (OSError(errno.EIO, None), "Input/output error"),
        (OSError(), "OSError"),
        (OSError("cannot reach\n\n the  hub\n"), "cannot reach the hub"),
        (ImportError("no\nmodule"), "no module"),
        (MemoryError(), "the memory does not suffice (MemoryError); try a smaller SOLVER.IMS_PER_BATCH"),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB. GPU 0"), "CUDA out of memory); try"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "the memory does not suffice"),
        (BrokenProcessPool("A process in the process pool was terminated"), "a worker process was ended from outside"),
        (RuntimeError("DataLoader worker (pid(s) 7) exited unexpectedly"), "a worker process was ended from outside"),
        (from_worker(InputError("a picture:", ["of two lines"])), "error: a picture:\n  - of two lines\n"),
        (from_worker(UnidentifiedImageError("cannot identify a.jpg")), "error: cannot identify a.jpg\n"),
        (from_worker(FileNotFoundError(2, "No such file", "a.jpg")), "error: [Errno 2] No such file: 'a.jpg'\n"),
        (from_worker(MemoryError()), "the memory does not suffice (MemoryError)"),
    ],
    ids=lambda value: "" if isinstance(value, str) else type(value).__name__,
)
def test_bad_input_and_a_machine_at_its_end(end, error, words):
    status, written = end(error)
    assert status == 2 and words in written and written.startswith("error: ")
    assert "Traceback" not in written
    assert isinstance(error, InputError) or written.count("\n") == 1


def test_the_memory_of_the_cpu(end):
    with pytest.raises(RuntimeError) as raised:
        torch.empty(2**60)
    status, written = end(raised.value)
    assert status == 2 and "the memory does not suffice" in written and "allocate memory" in written


@pytest.mark.parametrize(
    "error", [ValueError("a fault"), KeyError("name"), RuntimeError("shapes differ"), AssertionError()]
)
def test_a_fault_of_the_code_keeps_its_traceback(error):
    for raised in (error, from_worker(error)):
        with pytest.raises(type(error)), one_sentence_errors():
            raise raised


def test_ctrl_c(end):
    assert end(KeyboardInterrupt()) == (130, "stopped by Ctrl-C\n")
    assert end(KeyboardInterrupt("stopped at step 3")) == (130, "stopped at step 3\n")


def test_ctrl_c_that_a_library_turns_into_another_error(end):
    try:
        try:
            raise KeyboardInterrupt
        finally:
            raise ImportError("cannot load")
    except ImportError as error:
        assert end(error) == (130, "stopped by Ctrl-C\n")


def test_a_log_that_cannot_be_written_is_an_error(end, capsys):
    class Full(io.StringIO):
        def write(self, text):
            raise OSError(errno.ENOSPC, "No space left on device")

    handler = logging.StreamHandler(Full())
    with pytest.raises(SystemExit), one_sentence_errors():
        handler.emit(logging.makeLogRecord({"msg": "a line"}))
    written = capsys.readouterr().err
    assert "No space left on device" in written and "Logging error" not in written


def run(*words, stdout=subprocess.PIPE) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    # A group of its own, as a terminal gives each command: Ctrl-C goes to all its processes.
    return subprocess.Popen(
        [sys.executable, *map(str, words)],
        stdout=stdout, stderr=subprocess.PIPE, text=True, env=environment, cwd=ROOT, start_new_session=True,
    )  # fmt: skip


@pytest.mark.parametrize(
    "words", [["tools/model_stats.py"], ["tools/rehearse.py"], ["-m", "dcac_fastreid", "tools/x.py"]], ids=str
)
def test_ctrl_c_during_the_imports(words):
    process = run(*words)
    time.sleep(0.6)
    os.killpg(process.pid, signal.SIGINT)
    assert process.communicate()[1] == "stopped by Ctrl-C\n" and process.returncode == 130


@pytest.mark.parametrize(
    "words, ours",
    [
        (["tools/train_net.py"], True),
        (["-m"], True),
        ([str(ROOT / "dcac_fastreid" / "__main__.py")], True),
        (["other/train_net.py"], False),
        (["-c"], False),
        ([""], False),
    ],
)
def test_a_program_that_imports_the_package_keeps_its_own_ways(monkeypatch, words, ours):
    monkeypatch.setattr(sys, "argv", words)
    monkeypatch.setattr(sys, "orig_argv", ["python", "-m", "dcac_fastreid"] if words == ["-m"] else ["python", *words])
    monkeypatch.setattr(os, "register_at_fork", lambda **hooks: None)
    monkeypatch.chdir(ROOT)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        command_line.expect_interrupts()
        assert (signal.getsignal(signal.SIGINT) is not signal.default_int_handler) is ours
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_pipe_that_nobody_reads(tmp_path):
    end, begin = os.pipe()
    process = run("tools/reproduce.py", "--list", stdout=begin)
    os.close(begin)
    os.close(end)
    assert process.communicate()[1] == "" and process.returncode == 141
