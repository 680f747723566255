"""Files of weights: reading tensors and nothing else, writing whole or not at all."""

import os
import pickle
import re
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor

from dcac_fastreid.errors import InputError


def read_tensor_file(path: str | Path) -> Mapping:
    """What a file of weights holds, on the CPU. No code that the file names or carries is run.

    Args:
        path: a `.safetensors`, a TorchScript archive (of it the state dict), or what torch.save wrote.
    Raises:
        InputError: no such file, a damaged one, or one that holds Python objects beside tensors.
    """
    path = str(path)
    if not Path(path).is_file():
        raise InputError(f"there is no file {path}")
    try:
        if path.endswith(".safetensors"):
            from safetensors.torch import load_file

            content = load_file(path)
        elif is_torchscript(path):
            content = _read_torchscript(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except (InputError, PermissionError):
        raise
    except pickle.UnpicklingError as error:
        raise InputError(_refusal(path, error)) from error
    except Exception as error:  # damaged files make the readers fail in many ways
        raise InputError(f"{path} cannot be read as weights ({_first_line(error)}); is it complete?") from error
    if not isinstance(content, Mapping):
        raise InputError(f"{path} holds a {type(content).__name__}; expected weights by name")
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


def write_whole(path: str | Path, write: Callable[[BinaryIO], object]) -> None:
    """Writes beside the file and then puts it in its place: a reader sees the old content or the new, never a part.

    Raises: InputError: the file cannot be written; what was there before is as it was.
    """
    unfinished = f"{path}.unfinished"
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with open(unfinished, "wb") as stream:
            write(stream)
        os.replace(unfinished, path)
    except (OSError, RuntimeError) as error:  # torch.save: RuntimeError on a full disk
        if os.path.isfile(unfinished):
            os.remove(unfinished)
        raise InputError(
            f"{path} could not be written ({_first_line(error)}); free some space or name another"
        ) from error


def _read_torchscript(path: str) -> Mapping[str, Tensor]:
    # torch.jit.load compiles the archive's code, and runs a class's __setstate__ where it has one: an operator such as
    # from_file then writes files. An archive of weights has none. Looked for with the reader that torch.jit.load uses, so
    # that both see the same records.
    reader = torch._C.PyTorchFileReader(path)
    for name in reader.get_all_records():
        code = name.startswith("code/") and name.endswith(".py") and b"__setstate__" in reader.get_record(name)
        foreign = name == "data.pkl" and b"torch.classes" in reader.get_record(name)
        if code or foreign:
            raise InputError(
                f"{path} is a TorchScript archive that runs code when it is loaded ({name}), and is not read{_advice(path)}"
            )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch.jit is deprecated; OpenAI's file is what it is
        return torch.jit.load(path, map_location="cpu").state_dict()


def _refusal(path: str, error: Exception) -> str:
    named = re.search(r"GLOBAL (\S+)", str(error))
    if named is None:
        return f"{path} cannot be read as weights (it is no file of torch.save, or is damaged){_advice(path)}"
    return (
        f"{path} is not read: besides tensors it holds the Python object {named[1]}, and unpickling it can run any code"
        f"{_advice(path)}"
    )


def _advice(path: str) -> str:
    """Names the twin without pickle, where there is one."""
    file = Path(path)
    names = [file.stem, file.stem.replace("pytorch_", "")]  # Hugging Face: pytorch_model.bin, model.safetensors
    for twin in (file.with_name(f"{name}.safetensors") for name in names):
        if twin.is_file():
            return f"; use {twin}, which holds tensors alone"
    return "; get it as .safetensors"


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
