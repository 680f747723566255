"""Are the arguments of a call of the right type and range? As in the tools, so in Python."""

import argparse
import errno
import os
import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from dcac_fastreid.errors import InputError

SEEDS = 2**32  # what NumPy, PyTorch and scikit-learn all take is below it


def as_path(path: object, what: str) -> Path:
    """Args: what: the path is, for the sentence: "the index". Raises: InputError: no path, an empty one, or an impossible name."""
    if not isinstance(path, str | os.PathLike) or not isinstance(os.fspath(path), str):
        raise InputError(f"{what} is {shown_value(path)}; expected the path of a file or folder")
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


def as_text(text: object, what: str) -> str:
    """Raises: InputError: no text."""
    if not isinstance(text, str):
        raise InputError(f"{what} is {shown_value(text)}; expected text")
    return text


def as_choice(value: object, what: str, choices: Collection[str]) -> str:
    """Raises: InputError: none of the choices."""
    if not isinstance(value, str) or value not in choices:
        raise InputError(f"{what} is {shown_value(value)}; expected {' or '.join(choices)}")
    return value


def as_count(number: object, what: str, most: int | None = None) -> int:
    """Raises: InputError: no whole number of 1 or more, or above `most`."""
    if isinstance(number, bool) or not isinstance(number, int) or number < 1 or (most is not None and number > most):
        wanted = "of 1 or more" if most is None else f"from 1 to {most:,}"
        raise InputError(f"{what} is {shown_value(number)}; expected a whole number {wanted}")
    return number


def as_share(number: object, what: str, example: str) -> float:
    """Raises: InputError: no number above 0 and below 1."""
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 < number < 1:
        raise InputError(f"{what} is {shown_value(number)}; expected a number above 0 and below 1, such as {example}")
    return float(number)


def as_device(device: object, what: str) -> str:
    """The name of a device of this machine; None: the GPU where there is one, else the CPU.

    Raises: InputError: no device, one that this package does not run on, or one that this machine has not.
    """
    import torch  # late: the other questions of this file do without

    if device is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    asked = None
    if isinstance(device, str | torch.device):  # a number would be one of GPUs, of a machine that has any
        try:
            asked = torch.device(device)
        except (RuntimeError, ValueError):
            pass
    if asked is None or asked.type not in ("cpu", "cuda"):
        raise InputError(f"{what} is {shown_value(device)}; expected cuda or cpu")
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if asked.type == "cuda" and (asked.index or 0) >= gpus:
        raise InputError(
            f"{what} is {device}, but PyTorch finds {gpus or 'no'} GPUs on this machine; take cpu, or name no device"
        )
    return str(asked)


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """The type of an option of argparse: a whole number from least to most."""

    def read(text: str) -> int:
        number = int(text) if re.fullmatch("[+-]?[0-9]{1,20}", text.strip()) else None
        if number is None or not least <= number <= most:
            raise argparse.ArgumentTypeError(
                f"it is {shown_value(text)}; expected a whole number from {least:,} to {most:,}"
            )
        return number

    return read


def comma_separated(read: Callable[[str], Any] = str) -> Callable[[str], list]:
    """The type of an option of argparse: one or more values with commas between them, each read by `read`."""

    def read_all(text: str) -> list:
        words = [word for word in text.split(",") if word.strip()]
        if not words:
            raise argparse.ArgumentTypeError(
                f"it is {shown_value(text)}; expected one or more values with commas between"
            )
        return [read(word) for word in words]

    return read_all


def shown_value(value: object) -> str:
    """A value for a sentence, short; of one that cannot be written, such as a number of 5,000 digits, its type."""
    try:
        text = f"{value:g}" if isinstance(value, float) else repr(value)
    except Exception:  # foreign code writes it
        text = f"a value of type {type(value).__name__}"
    text = " ".join(text.split())
    return text if len(text) <= 60 else f"{text[:57]}..."
