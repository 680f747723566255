"""Files of weights: reading tensors, and running nothing that the file says."""

import logging
import pickle
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from dcac_fastreid.errors import InputError

logger = logging.getLogger("fastreid.dcac")


def read_tensor_file(path: str | Path, *, mapped: bool = True) -> Mapping:
    """What a file of weights holds, on the CPU. No code that the file names or carries is run.

    A pickled file is read by torch's own restricted machine (`weights_only`), which calls nothing but its functions that
    rebuild tensors. Names that it does not know, such as the training callbacks in a `.ckpt`, are skipped: an inert object
    stands for them.

    Args:
        path: a `.safetensors`, a TorchScript archive (of it the state dict), or whatever torch.save wrote.
        mapped: the tensors may lie in the file's memory map, so that what is not looked at is not read.
    Raises:
        InputError: no such file; one that is incomplete, no file of weights, or not to be read without running what it names.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    try:
        content = _read(path, mapped)
    except (InputError, PermissionError):
        raise
    except Exception as error:  # the content is foreign: damaged and wrong files end in any exception
        raise InputError(f"{path} cannot be read as weights ({_reason(error)}); {_next_step(path)}") from error
    if not isinstance(content, Mapping):
        raise InputError(f"{path} holds a {type(content).__name__}; expected weights by name; {_next_step(path)}")
    return content


def read_state_dict(path: str | Path) -> dict[str, Tensor]:
    """The weights of a file by name, also where a training script put them below "state_dict" or "model".

    Raises:
        InputError: as read_tensor_file, or no weights in the file.
    """
    content = read_tensor_file(path)
    for wrapper in ("state_dict", "model"):
        if isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    weights = {str(key): value for key, value in content.items() if isinstance(value, Tensor)}
    if not weights:
        raise InputError(f"{path} holds no weights")
    if all(key.startswith("module.") for key in weights):  # of several GPUs
        weights = {key.removeprefix("module."): value for key, value in weights.items()}
    return weights


def is_torchscript(path: str | Path) -> bool:
    """Whether a file is a TorchScript archive, as OpenAI's CLIP is."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


def _read(path: Path, mapped: bool) -> Mapping:
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    return _read_torchscript(path) if is_torchscript(path) else _read_pickle(path, mapped)


def _read_torchscript(path: Path) -> Mapping[str, Tensor]:
    # torch.jit.load compiles the archive's code, and runs a class's __setstate__ where it has one: an operator such as
    # from_file then writes files. An archive of weights has none. Looked for with the reader that torch.jit.load uses, so
    # that both see the same records.
    reader = torch._C.PyTorchFileReader(str(path))
    for name in reader.get_all_records():
        code = name.startswith("code/") and name.endswith(".py") and b"__setstate__" in reader.get_record(name)
        foreign = name == "data.pkl" and b"torch.classes" in reader.get_record(name)
        if code or foreign:
            raise InputError(
                f"{path} is a TorchScript archive that runs code when it is loaded ({name}), and is not read; "
                f"{_next_step(path)}"
            )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch.jit is deprecated; OpenAI's file is what it is
        return torch.jit.load(str(path), map_location="cpu").state_dict()


def _read_pickle(path: Path, mapped: bool) -> Mapping:
    names = []
    if zipfile.is_zipfile(path):
        names = torch.serialization.get_unsafe_globals_in_checkpoint(str(path))
    if names:
        logger.info(f"{path}: skipped all that is no tensor, none of it was run: {', '.join(sorted(names))}")
    mapped = mapped and zipfile.is_zipfile(path)  # the format of torch before 1.6 cannot be mapped
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
    """Names the twin without pickle, where there is one."""
    names = [path.stem, path.stem.replace("pytorch_", "")]  # Hugging Face: pytorch_model.bin, model.safetensors
    for twin in (path.with_name(f"{name}.safetensors") for name in names):
        if twin != path and twin.is_file():
            return f"use {twin}, which holds tensors alone"
    return "is it complete? get it again" + ("" if path.suffix == ".safetensors" else ", or its .safetensors form")
