"""Which layer of a model is the last one that tells places of the image apart? Found by a trial, for any backbone.

B batch, N identities; H x W pixels, h x w places of a feature map, T tokens, C channels.
"""

import functools
import math
from collections.abc import Callable

from torch import Tensor, nn

from dcac_fastreid.errors import InputError

OVERLAP = 1.2  # patches that overlap stretch their grid by less than this against the image


def last_feature_map(scores: nn.Module, image: Tensor) -> tuple[nn.Module, Callable[[Tensor], Tensor] | None]:
    """The last layer at whose places the scores still depend on the image, and what makes a map of its output.

    Of a transformer, the last normalisation of patch tokens from which a gradient comes back: in one whose feature is its
    class token, that before the last attention, behind which nobody reads the patches. Else the last map (B, C, h, w).

    Args:
        scores: images (B, 3, H, W) to (B, N). image: (1, 3, H, W).
    Returns: the layer, and a function from (B, T, C) to (B, C, h, w) that drops the class token; None for a map.
    Raises: InputError: there is none.
    """
    outputs: list[tuple[nn.Module, Tensor]] = []

    def note(module, _, output):
        if isinstance(output, Tensor) and output.requires_grad:
            output.retain_grad()
            outputs.append((module, output))

    handles = [module.register_forward_hook(note) for module in scores.modules()]
    try:
        scores(image)[0, 0].backward()
    finally:
        for handle in handles:
            handle.remove()
        scores.zero_grad()
    for module, output in reversed(outputs):
        grid = _grid(output, *image.shape[2:]) if isinstance(module, nn.LayerNorm) else None
        if grid and _patches(output.grad, grid).any():
            return module, functools.partial(_patches, grid=grid)
    for module, output in reversed(outputs):
        if output.ndim == 4 and output[0, 0].numel() > 1 and output.grad.any():
            return module, None
    raise InputError(
        "no layer of the model tells places of the image apart, so Grad-CAM has nothing to show; it needs a backbone with "
        "feature maps or patch tokens"
    )


def _grid(tokens: Tensor, height: int, width: int) -> tuple[int, int] | None:
    """(h, w) of the patches of an image that (B, T, C) stand for, T or T - 1 of them; None where they stand for none."""
    if tokens.ndim != 3 or tokens.shape[1] < 3:
        return None
    counts = tokens.shape[1], tokens.shape[1] - 1
    grids = [(rows, count // rows) for count in counts for rows in range(1, count + 1) if count % rows == 0]
    stretches = [abs(math.log(rows * width / (columns * height))) for rows, columns in grids]
    best = min(range(len(grids)), key=stretches.__getitem__)
    return grids[best] if stretches[best] < math.log(OVERLAP) else None


def _patches(tokens: Tensor, grid: tuple[int, int]) -> Tensor:
    """(B, T, C) to (B, C, h, w), without the class token."""
    return tokens[:, -grid[0] * grid[1] :].transpose(1, 2).unflatten(2, grid)
