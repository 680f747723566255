"""Many weights in another type, converted together: autocast converts one at a time, and its gradient back by itself."""

from collections.abc import Sequence

import torch
from torch import Tensor


def converted(
    weights: Sequence[Tensor], dtype: torch.dtype, *, scale: float = 1.0, first_scaled: int = 0
) -> tuple[Tensor, ...]:
    """Copies of the weights, by one operation and another one for the scale; each gradient comes back in its weight's own type.

    Args:
        weights: on one device, of one type.
        scale: of the copies from the place `first_scaled` on.
    """
    return _Converted.apply(dtype, scale, first_scaled, *weights)


class _Converted(torch.autograd.Function):
    @staticmethod
    def forward(ctx, dtype: torch.dtype, scale: float, first_scaled: int, *weights: Tensor) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)  # a weight that the step did not use gets no gradient
        ctx.dtype, ctx.scale, ctx.first_scaled = weights[0].dtype, scale, first_scaled
        return _copies(weights, dtype, scale, first_scaled)

    @staticmethod
    def backward(ctx, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        there = [place for place, gradient in enumerate(gradients) if gradient is not None]
        first_scaled = sum(place < ctx.first_scaled for place in there)
        copies = _copies([gradients[place] for place in there], ctx.dtype, ctx.scale, first_scaled) if there else ()
        of_place = dict(zip(there, copies, strict=True))
        return None, None, None, *(of_place.get(place) for place in range(len(gradients)))


def _copies(tensors: Sequence[Tensor], dtype: torch.dtype, scale: float, first_scaled: int) -> tuple[Tensor, ...]:
    """Parts of one new tensor."""
    sizes = [tensor.numel() for tensor in tensors]
    flat = tensors[0].new_empty(sum(sizes), dtype=dtype)
    parts = [part.view(tensor.shape) for part, tensor in zip(flat.split(sizes), tensors, strict=True)]
    torch._foreach_copy_(parts, [tensor.contiguous() for tensor in tensors])
    if scale != 1 and first_scaled < len(parts):
        torch._foreach_mul_(parts[first_scaled:], scale)
    return tuple(parts)
