"""Trainings side by side, each in a process of its own: one small training does not fill the cores of a machine."""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import BinaryIO

import torch

from dcac_fastreid.errors import InputError
from dcac_fastreid.experiments.gpus import Places
from dcac_fastreid.experiments.runs import Run
from dcac_fastreid.output_files import write_whole

POLL = 0.2  # seconds between two looks at the processes


def train_side_by_side(
    runs: Sequence[Run],
    jobs: int,
    command: Callable[[Run], Sequence[str]],
    num_gpus: int = 1,
    groups: Sequence[str] = (),
) -> Iterator[Run]:
    """Yields each run when its process has finished it. Whatever ends this, an interrupt for instance, ends the processes.

    Args:
        jobs: processes at a time.
        command: the words that start a process, which trains the run.
        num_gpus: processes that such a one starts in its turn. All together have as many threads as this one.
        groups: of GPUs, see `groups_of_gpus`.
    Raises: InputError: a process failed; the others are ended, and go on from their checkpoints the next time.
    """
    waiting, running, places = list(runs), {}, Places(jobs, groups)
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                run = waiting.pop(0)
                with _interrupts_wait():  # or the process that is just being started would live on
                    errors = tempfile.TemporaryFile()  # another process may train the run: its folder is not ours yet
                    place, environment = places.take()
                    running[_start(command(run), errors, jobs * num_gpus, environment)] = run, errors, place
            time.sleep(POLL)
            for process in [process for process in running if process.poll() is not None]:
                run, errors, place = running.pop(process)
                places.give_back(place)
                with errors:
                    if process.returncode:
                        raise InputError(f"{run} ended with status {process.returncode}: {_last_words(run, errors)}")
                yield run
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait()


@contextmanager
def _interrupts_wait() -> Iterator[None]:
    """SIGINT and SIGTERM are heard at the end, as a KeyboardInterrupt."""
    heard = []
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number, handler in handlers.items():
        if handler == signal.default_int_handler:  # else it is ignored, or ends this process at once: so it stays
            signal.signal(number, lambda *_: heard.append(True))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if heard:
        raise KeyboardInterrupt


def _start(words: Sequence[str], errors: BinaryIO, processes: int, environment: Mapping[str, str]) -> subprocess.Popen:
    threads = str(max(1, torch.get_num_threads() // processes))
    return subprocess.Popen(
        words,
        stdout=subprocess.DEVNULL,
        stderr=errors,
        env={**os.environ, "OMP_NUM_THREADS": threads, **environment},
        start_new_session=True,  # the terminal's Ctrl-C goes to this process alone, which ends them, once
    )


def _last_words(run: Run, errors: BinaryIO) -> str:
    errors.seek(0)
    content = errors.read()
    write_whole(run.folder / "errors.txt", lambda stream: stream.write(content))
    lines = content.decode(errors="replace").split("\n")
    last = next((line for line in reversed(lines) if line.strip()), "without a word")
    return f"{last.removeprefix('error: ')} (see {run.folder})"
