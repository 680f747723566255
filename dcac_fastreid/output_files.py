"""Where results are written: may a folder take them, and whole or not at all."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from dcac_fastreid.errors import InputError


def check_writable(folder: str | Path, leads_to: str, next_step: str = "choose another folder") -> None:
    """Asks, before the work whose result it shall take, whether a folder can be made or written; makes nothing.

    Args:
        leads_to: the sentence's beginning, such as "the features shall go to". next_step: its end.
    Raises: InputError: it cannot.
    """
    path = Path(folder).absolute()
    nearest = next(parent for parent in (path, *path.parents) if os.path.exists(parent))
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        why = "cannot be written" if nearest.is_dir() else "is a file"
        raise InputError(f"{leads_to} {folder}, but {nearest} {why}; {next_step}")


def write_whole(path: str | Path, write: Callable[[BinaryIO], object]) -> None:
    """Writes beside the file and then puts it in its place: a reader sees the old content or the new, never a part.

    Raises: InputError: the file cannot be written; what was there before is as it was.
    """
    unfinished = f"{path}.unfinished"
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with open(unfinished, "wb") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())  # on the disk before it takes the old one's name: a power cut leaves one of them
        os.replace(unfinished, path)
    except (OSError, RuntimeError) as error:  # torch.save: RuntimeError on a full disk
        if os.path.isfile(unfinished):
            os.remove(unfinished)
        raise InputError(f"{path} could not be written ({_reason(error)}); free some space or name another") from error


def _reason(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
