"""Reads tensors from a file, and runs nothing that the file says."""

import logging
import pickle
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

import torch

from dcac_fastreid.errors import InputError

logger = logging.getLogger("fastreid.dcac")


def read_tensors(path: str | Path) -> Mapping:
    """What a file of weights holds: a `.safetensors`, or whatever torch.save wrote, with any other name.

    A pickled file is read by torch's own restricted machine (`weights_only`), which calls nothing but its functions that
    rebuild tensors. Names that it does not know, such as the training callbacks in a `.ckpt`, are skipped: an inert object
    stands for them. The tensors lie in the file's memory map; what is not looked at is not read.

    Raises:
        InputError: a file that is incomplete, no file of weights, or that cannot be read without running what it names.
    """
    path = Path(path)
    try:
        content = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path)
    except Exception as error:  # the content is foreign: a wrong pickle can end in any exception
        raise InputError(f"{path} cannot be read as weights ({_reason(error)}); {_next_step(path)}") from error
    if not isinstance(content, Mapping):
        raise InputError(f"{path} holds a {type(content).__name__}; expected weights by name; {_next_step(path)}")
    return content


def _read_safetensors(path: Path) -> Mapping:
    from safetensors.torch import load_file

    return load_file(path)


def _read_pickle(path: Path) -> Mapping:
    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(str(path))
        mapped = True
    except ValueError as error:
        if "torchscript" in str(error):
            raise
        names, mapped = [], False  # the format of torch before 1.6
    if names:
        logger.info(f"{path}: skipped all that is no tensor, none of it was run: {', '.join(sorted(names))}")
    with torch.serialization.safe_globals([(_Skipped, name) for name in names]):
        return torch.load(str(path), map_location="cpu", weights_only=True, mmap=mapped)


class _Callable(type):
    def __call__(cls, *args):  # "call this name" in a pickle
        return object.__new__(cls)


class _Skipped(metaclass=_Callable):
    """Stands for any class or function that a pickle names: takes what the pickle does with it, and does nothing."""

    def __new__(cls, *args):  # "make an object of this class": it may go on to be filled as a dictionary
        return OrderedDict()

    def __setstate__(self, state):
        pass


def _reason(error: Exception) -> str:
    # torch wraps the cause in advice to trust the file.
    cause = error.__context__ if isinstance(error, pickle.UnpicklingError) and error.__context__ else error
    return (str(cause).strip() or type(cause).__name__).splitlines()[0].rstrip(".")


def _next_step(path: Path) -> str:
    twin = path.with_suffix(".safetensors")
    if twin != path and twin.is_file():
        return f"use {twin}, which lies beside it"
    return "download it again" + ("" if twin == path else ", or take its .safetensors form")
