"""A function in a process of its own: its answer, its error, and its end."""

import os
import signal
import subprocess
import sys
import time

import pytest

from dcac_fastreid.errors import InputError
from dcac_fastreid.helper_processes import alone


def process_and(value: int) -> tuple[int, int]:
    return os.getpid(), value


def fail() -> None:
    raise InputError("one thing is missing")


def test_the_answer_comes_from_another_process():
    process, value = alone(process_and, value=3)
    assert process != os.getpid() and value == 3


def test_its_error_is_raised_here_and_an_end_without_an_answer_is_told():
    with pytest.raises(InputError, match="one thing is missing"):
        alone(fail)
    with pytest.raises(RuntimeError, match="a helper process has ended with status 3"):
        alone(os._exit, 3)


def test_an_interrupt_ends_it():
    code = (
        "import time; from dcac_fastreid.helper_processes import alone\n"
        "if __name__ == '__main__':\n    print('begun', flush=True); alone(time.sleep, 600)"
    )
    # As Ctrl-C of a terminal: all processes of the group hear it, in a group of their own.
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler), stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdout.readline() == "begun\n"
    time.sleep(2)
    os.killpg(process.pid, signal.SIGINT)
    process.wait(timeout=20)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    pytest.fail("a process lives on")
