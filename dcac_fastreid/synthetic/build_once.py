"""Makes a folder on first use: under a lock, complete or absent."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from dcac_fastreid.output_files import left_unfinished, unfinished_path
from dcac_fastreid.waiting import held


def build_once(folder: Path, make: Callable[[Path], None]) -> Path:
    """Returns `folder`; where it is absent, `make(temporary folder)` fills it first.

    Other processes that ask for the same folder wait and then find it. What `make` raises is passed on and leaves
    no folder behind; the lock file beside the folder stays, because removing it would let two processes in. Every call
    fills a temporary folder of its own: helpers of a process that was killed may still write into theirs.
    """
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder.with_name(folder.name + ".lock"))
    with held(lock, f"making {folder}"):
        if folder.is_dir():  # another process made it while this one waited
            return folder
        _remove_remains(folder)
        unfinished = unfinished_path(folder)
        unfinished.mkdir()
        try:
            make(unfinished)
            unfinished.rename(folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
            _remove_remains(folder)  # once more: helpers of a killed process have ended by now
    return folder


def _remove_remains(folder: Path) -> None:
    for remains in left_unfinished(folder.parent, folder.name):
        shutil.rmtree(remains, ignore_errors=True)
