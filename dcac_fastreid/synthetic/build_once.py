"""Makes a folder on first use: under a lock, complete or absent."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock


def build_once(folder: Path, make: Callable[[Path], None]) -> Path:
    """Returns `folder`; where it is absent, `make(temporary folder)` fills it first.

    Other processes that ask for the same folder wait and then find it. What `make` raises is passed on and leaves
    no folder behind; the lock file beside the folder stays, because removing it would let two processes in.
    """
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = folder.with_name(folder.name + ".unfinished")
    with FileLock(folder.with_name(folder.name + ".lock")):
        if folder.is_dir():  # another process made it while this one waited
            return folder
        shutil.rmtree(unfinished, ignore_errors=True)  # of a run that was killed: whoever holds the lock is alone here
        unfinished.mkdir()
        try:
            make(unfinished)
            unfinished.rename(folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return folder
