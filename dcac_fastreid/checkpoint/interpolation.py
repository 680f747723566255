"""An encoder between two others, weight by weight: start + alpha (end - start); WiSE-FT, Wortsman et al., CVPR 2022."""

import hashlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from dcac_fastreid.checkpoint.input_size import POSITIONS
from dcac_fastreid.errors import InputError

ENCODER = "backbone."  # how the names of an encoder's weights begin in a model
INTERPOLATED = "interpolated"  # entry of a checkpoint whose encoder lies between two others: see `described`
LISTED = 3


@torch.no_grad()
def interpolate(start: Mapping[str, Tensor], end: Mapping[str, Tensor], alpha: float) -> dict[str, Tensor]:
    """The weights at `alpha`: 0 gives the start, 1 the end, both to the bit.

    Running statistics of batch normalisation inside the encoder are weights here. Whole numbers, such as counts of batches,
    are those of the end.

    Args:
        start, end: state dicts of one architecture, see `check_same_architecture`; the start may lie on another device.
        alpha: in [0, 1].
    """
    return {
        name: _between(start[name].to(weight), weight, alpha) if weight.is_floating_point() else weight.clone()
        for name, weight in end.items()
    }


def _between(start: Tensor, end: Tensor, alpha: float) -> Tensor:
    """Where both are equal, they stay: lerp makes NaN of two -inf, as attention masks hold them."""
    return torch.where(start == end, end, torch.lerp(start, end, alpha))


def check_same_architecture(start: Mapping[str, Tensor], end: Mapping[str, Tensor], names: tuple[str, str]) -> None:
    """Args: names: how a sentence calls the start and the end. Raises InputError: weights of other names or shapes."""
    different = sorted(start.keys() ^ end.keys())
    different += [name for name in end if name in start and start[name].shape != end[name].shape]
    if different:
        more = f" and {len(different) - LISTED} more" if len(different) > LISTED else ""
        raise InputError(
            f"the encoders of {names[0]} and {names[1]} are of different architectures, they differ in "
            f"{', '.join(different[:LISTED])}{more}; name two encoders that were trained from the same one"
        )


def weights_hash(weights: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, types, shapes and numbers, 64 hexadecimal digits: the same on every machine.

    The numbers of positional embeddings have no part in it: those of pre-trained weights are resized to the input size when the
    encoder is built, and the last bits of that differ from one CPU to another.
    """
    digest = hashlib.sha256()
    for name in sorted(weights):
        weight = weights[name].detach().cpu().contiguous()
        digest.update(f"{name} {weight.dtype} {tuple(weight.shape)}\n".encode())
        if not name.endswith(POSITIONS):
            digest.update(weight.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def described(
    alpha: float, start: Mapping[str, Tensor], end: Mapping[str, Tensor], validation: Mapping[str, float] | None = None
) -> dict[str, Any]:
    """What a checkpoint tells of its interpolation.

    Args: validation: mAP in per cent by alpha, where alpha was chosen by it.
    """
    told = {"alpha": alpha, "start": weights_hash(start), "end": weights_hash(end)}
    return told | ({"validation": dict(validation)} if validation is not None else {})
