"""Does a process on another machine, whose locks cannot be seen from here, still live? It touches a file; here that is watched.

Times of two machines are never compared: what counts is whether the file changes while it is watched.
"""

import os
import threading
import time
from contextlib import suppress
from pathlib import Path

BEAT = 15.0  # seconds between two touches
SILENCE = 180.0  # seconds without one after which nobody lives: a network drive may show what is new two minutes late
LOOK = 1.0


class Heartbeat:
    """Touches a file from now on until `stop`, or until the process ends, however that ends."""

    def __init__(self, file: Path):
        self._stopped = threading.Event()
        threading.Thread(target=self._beat, args=(file,), name="heartbeat", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def _beat(self, file: Path) -> None:
        while not self._stopped.wait(BEAT):
            with suppress(OSError):  # the drive is away, or somebody has removed the file
                os.utime(file)


def falls_silent(file: Path) -> bool:
    """Watches a file that is being touched as long as its process lives; False at the first touch, or when it is gone.

    True after SILENCE seconds without one.
    """
    first, deadline = _state(file), time.monotonic() + SILENCE
    while first and time.monotonic() < deadline:
        time.sleep(LOOK)
        if _state(file) != first:
            return False
    return first is not None


def _state(file: Path) -> tuple[int, int] | None:
    try:
        with open(file, "rb") as stream:  # opened: a network drive then asks the server
            status = os.fstat(stream.fileno())
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns
