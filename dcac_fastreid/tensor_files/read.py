"""From the path of a file of weights to its tensors, whatever form it has."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from dcac_fastreid.arguments import as_path
from dcac_fastreid.errors import InputError
from dcac_fastreid.tensor_files.old_format import read_old_format
from dcac_fastreid.tensor_files.safetensors_file import LENGTH, read_safetensors, safetensors_metadata
from dcac_fastreid.tensor_files.torch_archive import holds_torchscript, read_archive
from dcac_fastreid.tensor_files.usable import check_tensors
from dcac_fastreid.tensor_files.values import Skipped
from dcac_fastreid.wrong_files import HEAD, what_else

SAFETENSORS, ZIP, PICKLE = ".safetensors", b"PK\x03\x04", b"\x80"
IMAGES = (b"\x89PNG", b"\xff\xd8\xff")
LISTED = 10
logger = logging.getLogger("fastreid.dcac")


def read_tensor_file(path: str | Path, *, mapped: bool = True, only: Sequence[str] | None = None) -> Mapping:
    """What a file of weights holds, on the CPU. Nothing that the file names or carries is imported or run.

    Names in a pickle that are no tensor's, such as the training callbacks in a `.ckpt`, are skipped: an empty object stands for
    them. Before the tensors are there, no more memory is needed than 100 MB. Damage is noticed where the file has checksums: in
    archives of torch.save, not in a `.safetensors` nor in files from before PyTorch 1.6.

    Args:
        path: a `.safetensors`, a TorchScript archive (of it the state dict), or whatever torch.save wrote.
        mapped: the tensors may lie in the file's memory map, so that the file is read once, for its checksums, and not copied.
        only: beginnings of names; tensors of other names are left out, and not read. () for what lies beside tensors.
    Raises:
        InputError: no such file; one that is damaged, no file of weights, or not to be read without running what it names.
    """
    path = _file(path)
    content = _named(path, lambda: _read(path, mapped, only))
    if isinstance(content, Skipped) and not content:
        raise InputError(
            f"{path} holds an object of the class {content.what}, which only its own code could read; save its state_dict() with "
            "torch.save, and name that file"
        )
    if not isinstance(content, Mapping):
        raise InputError(f"{path} holds a {type(content).__name__}; expected weights by name; {_next_step(path)}")
    return content


def read_state_dict(path: str | Path) -> dict[str, Tensor]:
    """The weights of a file by name, also where a training script put them below "state_dict" or "model".

    Raises:
        InputError: as read_tensor_file, no weights in the file, or one that is no tensor.
    """
    content = read_tensor_file(path)
    for wrapper in ("state_dict", "model"):
        if isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    # What stands beside weights, such as "epoch", has no dot in its name.
    check_tensors({key: value for key, value in content.items() if isinstance(key, str) and "." in key}, path)
    weights = {str(key): value for key, value in content.items() if isinstance(value, Tensor)}
    if not weights:
        raise InputError(f"{path} holds no weights")
    if all(key.startswith("module.") for key in weights):  # of several GPUs
        weights = {key.removeprefix("module."): value for key, value in weights.items()}
    return weights


def is_torchscript(path: str | Path) -> bool:
    """Whether a file is a TorchScript archive, as OpenAI's CLIP is. Raises InputError as read_tensor_file."""
    path = _file(path)
    return _begins_with(path, ZIP) and _named(path, lambda: holds_torchscript(path))


def read_metadata(path: str | Path) -> dict[str, str]:
    """What a `.safetensors` says beside its tensors. Raises InputError as read_tensor_file."""
    path = _file(path)
    return _named(path, lambda: safetensors_metadata(path))


def _read(path: Path, mapped: bool, only: Sequence[str] | None) -> Any:
    if path.suffix == SAFETENSORS:
        return read_safetensors(path, only=only)
    if _begins_with(path, ZIP):
        content, skipped = read_archive(path, mapped=mapped, only=only)
    elif _begins_with(path, PICKLE):
        content, skipped = read_old_format(path, only=only)
    elif _begins_with(path, b"{", LENGTH):
        raise ValueError(f"it is a safetensors file: name it {path.stem}{SAFETENSORS}")
    else:
        raise ValueError("it begins as no file of weights does")
    if skipped:
        named = ", ".join(f"{name:.60}" for name in sorted(skipped)[:LISTED])
        logger.info(f"{path}: skipped all that is no tensor, none of it was run: {named}")
    return content


def _file(path: str | Path) -> Path:
    path = as_path(path, "the file of weights")
    if path.is_dir():
        raise InputError(f"{path} is a folder; name a file of weights")
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    return path


def _named(path: Path, read) -> Any:
    """What `read` gives; its errors as a sentence that names the file."""
    try:
        if what := _what_else(path):
            raise ValueError(what)
        return read()
    except PermissionError:
        raise
    except Exception as error:  # the content is foreign: damaged and wrong files end in any exception
        raise InputError(f"{path} cannot be read as weights ({_reason(error)}); {_next_step(path)}") from error


def _what_else(path: Path) -> str:
    with open(path, "rb") as stream:
        head = stream.read(HEAD)
    if head.startswith(IMAGES):
        return "it is an image"
    return ": ".join(filter(None, what_else(head)))


def _begins_with(path: Path, begin: bytes, place: int = 0) -> bool:
    with open(path, "rb") as stream:
        stream.seek(place)
        return stream.read(len(begin)) == begin


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "what it holds is nested too deep"
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")[:300]


def _next_step(path: Path) -> str:
    """Names the counterpart without pickle, where there is one."""
    names = [path.stem, path.stem.replace("pytorch_", "")]  # Hugging Face: pytorch_model.bin, model.safetensors
    for counterpart in (path.with_name(f"{name}.safetensors") for name in names):
        if counterpart != path and counterpart.is_file():
            return f"use {counterpart}, which holds tensors alone"
    return "is it complete? get it again" + ("" if path.suffix == SAFETENSORS else ", or its .safetensors form")
