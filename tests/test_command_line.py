"""How a command ends: status and words, for each kind of end."""

import errno
import io
import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from PIL import UnidentifiedImageError
from torch.utils.data import DataLoader

from dcac_fastreid import command_line, one_sentence_errors
from dcac_fastreid.engine.folder_holder import HOLDER
from dcac_fastreid.errors import DivergenceError, InputError, Terminated
from fastreid.engine.train_loop import HookBase

from .signals import hear_interrupts

ROOT = Path(__file__).parent.parent
COMMAND = str(Path(sys.executable).parent / "dcac-fastreid")


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
        return raised.with_traceback(None)  # its frames would keep the loader's process alive


@pytest.mark.parametrize(
    "error, words",
    [
        (InputError("a setting"), "a setting"),
        (InputError("2 things are missing:", "ab"), "2 things are missing:\n  - a\n  - b"),
        (DivergenceError("the loss"), "the loss"),
        (
            FileNotFoundError(errno.ENOENT, "No such file", "a.jpg"),
            "No such file: 'a.jpg'; check the name, and whether",
        ),
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
        (from_worker(InputError("an image:", ["of two lines"])), "error: an image:\n  - of two lines\n"),
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


def test_ctrl_c_in_code_that_a_library_makes_of_text(tmp_path):
    lines = (
        "from dcac_fastreid import one_sentence_errors",
        "with one_sentence_errors():",
        "    exec('raise KeyboardInterrupt')",
    )
    (tmp_path / "interrupted.py").write_text("\n".join(lines))
    ended = subprocess.run([sys.executable, "-m", "interrupted"], cwd=tmp_path, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (130, "stopped by Ctrl-C\n")


def test_sigterm(end):
    assert end(Terminated()) == (143, "stopped by SIGTERM\n")


class Signalled(HookBase):
    """Sends this process a signal behind the second step."""

    def __init__(self, number):
        self._number = number

    def after_step(self):
        if self.trainer.iter == 1:
            os.kill(os.getpid(), self._number)


@pytest.mark.parametrize("number, by, status", [(signal.SIGINT, "Ctrl-C", 130), (signal.SIGTERM, "SIGTERM", 143)])
def test_a_training_that_is_stopped_leaves_its_folder_free(make_trainer, tmp_path, capsys, number, by, status):
    """Else a job that is put in the queue again, on another machine, would be refused for the note of its holder."""
    trainer = make_trainer("baseline/ma_ms.yml", "SOLVER.CHECKPOINT_STEPS", 1)
    trainer.register_hooks([Signalled(number)])
    before = signal.signal(number, command_line._end_now)
    try:
        with pytest.raises(SystemExit) as stopped, one_sentence_errors():
            assert (tmp_path / "out" / HOLDER).exists()
            trainer.train()
        assert signal.getsignal(number) is command_line._end_now
    finally:
        signal.signal(number, before)
    file = tmp_path / "out" / "model_steps.pth"
    line = f"stopped by {by} at epoch/iter 0/1; go on with --resume, from {file}\n"
    assert stopped.value.code == status and capsys.readouterr().err.endswith(line)
    assert not (tmp_path / "out" / HOLDER).exists()


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


@pytest.mark.parametrize("error, shown", [(OSError(errno.ENOSPC, "full"), 0), (ValueError("a fault"), 1)])
def test_a_thread_that_the_system_refuses_something_shows_no_traceback(monkeypatch, error, shown):
    seen = []
    monkeypatch.setattr(threading, "excepthook", seen.append)

    def work():
        raise error

    with one_sentence_errors():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert len(seen) == shown and threading.excepthook == seen.append


def run(*words, stdout=subprocess.PIPE) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    # A group of its own, as a terminal gives each command: Ctrl-C goes to all its processes.
    return subprocess.Popen(
        [sys.executable, *map(str, words)],
        stdout=stdout, stderr=subprocess.PIPE, text=True, env=environment, cwd=ROOT, start_new_session=True,
        preexec_fn=hear_interrupts,
    )  # fmt: skip


def is_caught(process: subprocess.Popen, number: int) -> bool:
    """Whether a process has a handler of its own for a signal; also once it has ended."""
    if process.poll() is not None:
        return True
    caught = re.search(r"^SigCgt:\s+(\w+)", Path(f"/proc/{process.pid}/status").read_text(), re.MULTILINE)
    return bool(int(caught[1], 16) >> (number - 1) & 1)


@pytest.mark.parametrize(
    "words, number, by, status",
    [
        (
            ["tools/model_stats.py", "--config-file", "DCAC/ma_ms.yml", "--num-classes", "751"],
            signal.SIGINT,
            "Ctrl-C",
            130,
        ),
        ([COMMAND, "train", "--config-file", "DCAC/ma_ms.yml"], signal.SIGTERM, "SIGTERM", 143),
        (["tools/dry_run.py"], signal.SIGTERM, "SIGTERM", 143),
        (["-m", "dcac_fastreid", "tools/x.py"], signal.SIGINT, "Ctrl-C", 130),
    ],
    ids=str,
)
def test_a_signal_during_the_imports(words, number, by, status):
    process = run(*words)
    while not is_caught(process, signal.SIGTERM):  # the interpreter itself starts before
        time.sleep(0.02)
    os.killpg(process.pid, number)
    assert process.communicate()[1] == f"stopped by {by}\n" and process.returncode == status


@pytest.mark.parametrize(
    "words, ours",
    [
        (["tools/train_net.py"], True),
        (["-m"], True),
        ([str(ROOT / "dcac_fastreid" / "__main__.py")], True),
        (["/usr/local/bin/dcac-fastreid"], True),
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
    defaults = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in defaults.items()}
    try:
        command_line.expect_interrupts()
        assert all((signal.getsignal(number) is not handler) is ours for number, handler in defaults.items())
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # in the background of a script
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        command_line.expect_interrupts()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        assert (signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL) is ours
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_a_pipe_that_nobody_reads(tmp_path):
    end, begin = os.pipe()
    process = run("tools/reproduce.py", "--list", stdout=begin)
    os.close(begin)
    os.close(end)
    assert process.communicate()[1] == "" and process.returncode == 141


@pytest.mark.parametrize("closed", [">&-", "<&- >&- 2>&-"])
def test_a_command_without_standard_streams(closed):
    words = [sys.executable, "tools/reproduce.py", "--list"]
    process = subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}', "sh", *words], stderr=subprocess.PIPE, cwd=ROOT, text=True
    )
    assert (process.returncode, process.stderr) == (0, "")


PARENT = """
import multiprocessing, os, sys, time

def work(ready):
    import dcac_fastreid
    ready.put(os.getpid())
    time.sleep(600)

if __name__ == "__main__":
    sys.argv[0] = sys.argv[1]
    context = multiprocessing.get_context("spawn")
    ready = context.SimpleQueue()
    context.Process(target=work, args=(ready,)).start()
    print(ready.get(), flush=True)
    os.kill(os.getpid(), 9)
"""


@pytest.mark.slow
def test_the_processes_of_num_gpus_end_with_the_one_that_is_killed(tmp_path):
    """PyTorch sends them SIGINT then, which they leave to their parent."""
    (tmp_path / "parent.py").write_text(PARENT)
    process = run(tmp_path / "parent.py", ROOT / "tools" / "train_net.py")
    helper = int(process.stdout.readline())
    try:
        deadline = time.monotonic() + 10
        while Path(f"/proc/{helper}").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not Path(f"/proc/{helper}").exists()
    finally:
        with suppress(ProcessLookupError):
            os.kill(helper, signal.SIGKILL)
