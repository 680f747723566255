"""A function of a batch computed piece by piece, for a GPU that does not hold the whole batch's activations. B batch."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint


def in_micro_batches(function: Callable[..., Tensor], size: int, *batches: Tensor) -> Tensor:
    """function(*batches), computed for `size` rows at a time; in the backward pass again, so one piece's activations are kept.

    Result and gradient are those of the whole batch, to rounding, for a function that treats every row by itself. So what
    looks at the batch as a whole (BNNeck, the losses, the prototypes) is left outside, and sees all of it: the gradients of
    the pieces add up in the weights, and the batch keeps its meaning.

    Args:
        size: rows at a time; 0 for all at once.
        batches: (B, ...) each.
    """
    if not size or size >= len(batches[0]) or not torch.is_grad_enabled():
        return function(*batches)
    pieces = zip(*(batch.split(size) for batch in batches), strict=True)
    cached = torch.is_autocast_cache_enabled()
    torch.set_autocast_cache_enabled(
        False
    )  # sharing a weight's copy in bf16, the pieces would add up their gradients in it
    try:
        return torch.cat([checkpoint(function, *piece, use_reentrant=False) for piece in pieces])
    finally:
        torch.set_autocast_cache_enabled(cached)
