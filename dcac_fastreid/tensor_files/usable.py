"""Where a state dict meets a model: are its values tensors of the model's kind of numbers, and all finite?"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dcac_fastreid.errors import InputError
from dcac_fastreid.tensor_files.values import Skipped

FLOATS = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
MASK = "mask"  # how the names of masks end
LISTED = 3


def check_weights(found: Mapping[str, Any], expected: Mapping[str, Tensor] | None, source: str | Path) -> None:
    """Checks the weights of a file that have a place in a model; shapes are the caller's matter.

    Args:
        found: by the model's names. source: how a sentence calls the file.
        expected: the model's state dict; None where there is no model: all are checked, of whatever kind of numbers.
    Raises:
        InputError: a value is no tensor, of another kind of numbers than the model's, or NaN or infinite.
    """
    wrong = {
        name: why
        for name, value in found.items()
        if (expected is None or name in expected)
        and (why := _wrong(name, value, None if expected is None else expected[name]))
    }
    if wrong:
        listed = "; ".join(f"{name} {why}" for name, why in list(wrong.items())[:LISTED])
        more = f" and {len(wrong) - LISTED} more" if len(wrong) > LISTED else ""
        raise InputError(
            f"{source} cannot be used, weights in it are unusable: {listed}{more}; take an earlier checkpoint, or get the file "
            "again"
        )


def are_named(weights: Any, beginning: str) -> bool:
    """Whether what a file holds is weights by name, all names text, and that of one begins so."""
    if not isinstance(weights, Mapping) or not all(isinstance(name, str) for name in weights):
        return False
    return any(name.startswith(beginning) for name in weights)


def check_tensors(found: Mapping[str, Any], source: str | Path) -> None:
    """Raises InputError: a value is no tensor."""
    wrong = {name: value for name, value in found.items() if not isinstance(value, Tensor)}
    if wrong:
        listed = "; ".join(f"{name} is {_kind(value)}" for name, value in list(wrong.items())[:LISTED])
        raise InputError(
            f"{source} cannot be used, {len(wrong)} of its weights are no tensors: {listed}; get the file again"
        )


def _wrong(name: str, value: Any, expected: Tensor | None) -> str:
    """What is wrong with a weight, "" for nothing."""
    if not isinstance(value, Tensor):
        return f"is {_kind(value)}, where the model has a tensor"
    if value.layout != torch.strided or value.is_meta or value.is_quantized:
        return "is a sparse, quantized or empty tensor, where the model has an ordinary one"
    dtype = value.dtype if expected is None else expected.dtype
    floats = value.dtype in FLOATS
    if expected is not None and (floats != dtype.is_floating_point or value.is_complex() != dtype.is_complex):
        return f"has numbers of {value.dtype}, where the model has {dtype}"
    return "is NaN or infinite" if floats and not _is_finite(value, dtype, name.endswith(MASK)) else ""


def _is_finite(value: Tensor, dtype: torch.dtype, mask: bool) -> bool:
    """In the precision of dtype. A mask of attention may hold -inf."""
    if not value.numel():
        return True
    largest = torch.finfo(dtype).max
    low, high = value.detach().aminmax()  # NaN where any number is; ten times as fast as isfinite
    return bool(low >= -largest or (mask and low == -torch.inf)) and bool(high <= largest)


def _kind(value: Any) -> str:
    return value.what if isinstance(value, Skipped) else "None" if value is None else f"a {type(value).__name__}"
