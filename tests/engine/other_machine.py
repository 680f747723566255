"""A run's folder that another process holds, on this machine or as if on another one."""

import errno
import fcntl
import multiprocessing
import socket
import time
from contextlib import contextmanager
from pathlib import Path

from dcac_fastreid.engine import folder_holder
from dcac_fastreid.engine.folder_holder import LOCK
from dcac_fastreid.engine.run_folder import take

CONTEXT = multiprocessing.get_context("fork")


@contextmanager
def another_process(hold, *arguments):
    """A process that has done `hold(*arguments)` and sleeps; killed at the end."""
    ready = CONTEXT.Event()

    def work():
        kept = hold(*arguments)  # noqa: F841  a claim
        ready.set()
        time.sleep(600)

    process = CONTEXT.Process(target=work)
    process.start()
    try:
        assert ready.wait(60)
        yield process
    finally:
        process.kill()
        process.join()


def take_as_another_machine(folder: Path, *, drive_has_locks: bool) -> object:
    """In a process of its own; its lock is then no hindrance to this one, as on a drive whose locks end at the machine."""
    socket.gethostname, folder_holder._boot = lambda: "gpu7", lambda: "another"
    if not drive_has_locks:
        fcntl.flock = no_locks
    claim = take(str(folder))
    if drive_has_locks:
        (folder / LOCK).unlink()
    return claim


def no_locks(*_):
    raise OSError(errno.ENOLCK, "No locks available")
