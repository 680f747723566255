"""Are the arguments of a call of the right type and range? As in the tools, so in Python."""

import errno
import os
from pathlib import Path

from dcac_fastreid.errors import InputError


def as_path(path: object, what: str) -> Path:
    """Args: what: the path is, for the sentence: "the index". Raises: InputError: no path, an empty one, or an impossible name."""
    if not isinstance(path, str | os.PathLike) or not isinstance(os.fspath(path), str):
        raise InputError(f"{what} is {_shown(path)}; expected the path of a file or folder")
    if not os.fspath(path):
        raise InputError(f"{what} is an empty name; expected the path of a file or folder")
    try:
        os.lstat(path)
    except ValueError as error:  # a zero byte, or letters that no file name has
        raise InputError(f"{what} is {os.fspath(path)!r:.60}, which no file can be called; check the name") from error
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise InputError(f"{what} is {os.fspath(path)!r:.60}..., which is too long for a name; check it") from error
    return Path(path)


def as_count(number: object, what: str) -> int:
    """Raises: InputError: no whole number of 1 or more."""
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise InputError(f"{what} is {_shown(number)}; expected a whole number of 1 or more")
    return number


def as_share(number: object, what: str, example: str) -> float:
    """Raises: InputError: no number above 0 and below 1."""
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 < number < 1:
        raise InputError(f"{what} is {_shown(number)}; expected a number above 0 and below 1, such as {example}")
    return float(number)


def _shown(value: object) -> str:
    text = f"{value:g}" if isinstance(value, float) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
