"""Where results are written: may a folder take them, and whole or not at all."""

import errno
import itertools
import os
import re
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

from dcac_fastreid.arguments import as_path
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
    nearest = next(parent for parent in (path, *path.parents) if os.path.lexists(parent))
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        leads_nowhere = "is a link that leads nowhere" if nearest.is_symlink() and not nearest.exists() else "is a file"
        why = "cannot be written" if nearest.is_dir() else leads_nowhere
        raise InputError(f"{leads_to} {folder}, but {nearest} {why}; {next_step}")


def check_output_file(file: str | Path, what: str) -> Path:
    """Asks, before the work whose result it shall take, whether a file can be written; makes nothing.

    Args: what: the file is, for the sentence: "--output".
    Raises: InputError: no path, a folder, a device or the like, or a folder around it that cannot be made or written.
    """
    file = as_path(file, what)
    refuse_no_files(file)
    check_writable(file.absolute().parent, f"{what} is {file}, which leads to", "name another file")
    return file


def refuse_no_files(*targets: str | Path) -> None:
    """Raises InputError where something lies that is no file, and that a file shall not replace: a folder, a device, a pipe.

    What a link leads to counts, and all that lies in /dev: /dev/stdout is a link, to a file where the shell has redirected it.
    """
    for target in map(Path, targets):
        if target.is_dir():
            raise InputError(
                f"{target} is a folder, where a file is to be written; name another, or move the folder away"
            )
        if (target.exists() and not target.is_file()) or Path("/dev") in target.absolute().parents:
            raise InputError(
                f"{target} is a device, a pipe or the like, which a file would replace; name an ordinary file instead"
            )


def write_whole(path: str | Path, write: Callable[[BinaryIO], object]) -> None:
    """Writes beside the file and then puts it in its place: a reader sees the old content or the new, never a part.

    Of two that write one file at a time, the one that ends last is there, whole.

    Raises: InputError: the file cannot be written, or something that is no file lies there; what was there is as it was.
    """
    refuse_no_files(path)
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


def write_contents(contents: Mapping[Path, bytes]) -> None:
    """Each file as write_whole does it."""
    for file, content in contents.items():
        write_whole(file, lambda stream, content=content: stream.write(content))


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


def _reason(error: BaseException) -> str:
    if isinstance(error, RuntimeError) and isinstance(
        error.__context__, OSError
    ):  # torch.save's, about its own bookkeeping
        return _reason(error.__context__)
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
