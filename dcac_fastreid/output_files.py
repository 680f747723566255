"""Where results are written: may a folder take them, and whole or not at all."""

import errno
import itertools
import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from dcac_fastreid.errors import InputError

# In temporary names, beside the process's number: a number may come again, in a container it does every time.
_PROCESS = secrets.token_hex(4)
_CALLS = itertools.count()
_OWNER = re.compile(r"\.(\d{1,9})-([0-9a-f]{8})-\d+\.unfinished$")


def check_writable(folder: str | Path, leads_to: str, next_step: str = "choose another folder") -> None:
    """Asks, before the work whose result it shall take, whether a folder can be made or written; makes nothing.

    Args:
        leads_to: the sentence's beginning, such as "the features shall go to". next_step: its end.
    Raises: InputError: it cannot.
    """
    if not os.fspath(folder):
        raise InputError(f"{leads_to} a folder without a name; {next_step}")
    try:
        os.lstat(folder)
    except (OSError, ValueError) as error:  # ValueError: a zero byte
        if isinstance(error, ValueError) or error.errno == errno.ENAMETOOLONG:
            raise InputError(
                f"{leads_to} {os.fspath(folder)!r:.60}, which no folder can be called; {next_step}"
            ) from error
    path = Path(folder).absolute()
    nearest = next(parent for parent in (path, *path.parents) if os.path.exists(parent))
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        why = "cannot be written" if nearest.is_dir() else "is a file"
        raise InputError(f"{leads_to} {folder}, but {nearest} {why}; {next_step}")


def write_whole(path: str | Path, write: Callable[[BinaryIO], object]) -> None:
    """Writes beside the file and then puts it in its place: a reader sees the old content or the new, never a part.

    Of two that write one file at a time, the one that ends last is there, whole.

    Raises: InputError: the file cannot be written; what was there before is as it was.
    """
    unfinished = unfinished_path(path)
    try:
        unfinished.parent.mkdir(parents=True, exist_ok=True)
        with open(unfinished, "xb") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())  # on the disk before it takes the old one's name: a power cut leaves one of them
        os.replace(unfinished, path)
    except (OSError, RuntimeError) as error:  # torch.save: RuntimeError on a full disk
        raise InputError(f"{path} could not be written ({_reason(error)}); free some space or name another") from error
    finally:
        if os.path.isfile(unfinished):
            os.remove(unfinished)


def unfinished_path(path: str | Path) -> Path:
    """A temporary name beside `path` that no other process and no other call has."""
    path = Path(path)
    return path.with_name(f"{path.name}.{os.getpid()}-{_PROCESS}-{next(_CALLS)}.unfinished")


def finished_name(name: str) -> str:
    """The file name that a temporary one stands for; any other as it is."""
    return _OWNER.sub("", name).removesuffix(".unfinished")


def left_unfinished(folder: str | Path, pattern: str) -> list[Path]:
    """What processes that were killed have left in a folder under temporary names of what matches the pattern.

    Whether a process lives is seen on this machine alone: ask for names that no other machine writes at this time.
    """
    found = [path for suffix in ("", ".*") for path in Path(folder).glob(f"{pattern}{suffix}.unfinished")]
    return sorted(path for path in set(found) if not _is_being_written(path.name))


def _is_being_written(name: str) -> bool:
    owner = _OWNER.search(name)
    if not owner:
        return False
    process = int(owner[1])
    if process == os.getpid():
        return owner[2] == _PROCESS
    try:
        os.kill(process, 0)  # sends nothing
    except ProcessLookupError:
        return False
    except PermissionError:  # of another user
        pass
    return True


def _reason(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
