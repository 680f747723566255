"""CLIP's image-tower weights from the files in which people have them."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dcac_fastreid.errors import InputError
from dcac_fastreid.reid.transformers_names import to_open_clip
from dcac_fastreid.tensor_files import check_weights, read_state_dict


def load_image_tower(tower: nn.Module, path: str, *, interpolation: str) -> None:
    """Loads an open_clip image tower from a CLIP checkpoint, strictly, in place.

    Args:
        tower: at the size of the Re-ID input.
        path: OpenAI's TorchScript archive (`ViT-B-16.pt`), a `.safetensors`, or a pickled state dict; keys
            `visual.*` as in open_clip, or `vision_model.*` as in transformers' CLIPModel.
        interpolation: "bilinear" or "bicubic", for the positional embedding.
    Raises:
        InputError: no CLIP file, or one of another architecture; as read_state_dict and check_weights.
    """
    weights = to_open_clip(read_state_dict(path), path)
    weights = {key.removeprefix("visual."): value for key, value in weights.items() if key.startswith("visual.")}
    if not weights:
        raise InputError(
            f"{path} holds no weight named visual.*; expected a CLIP checkpoint in OpenAI's, open_clip's or transformers' "
            "naming"
        )
    expected = tower.state_dict()
    check_weights(weights, expected, path)
    key, grid_size = _positions(tower)
    if key in weights and key in expected:
        weights[key] = resize_positional_embedding(
            weights[key].float(),
            grid_size,
            interpolation=interpolation,
            extra=expected[key].shape[-2] - grid_size[0] * grid_size[1],
        )
    wrong = [f"{key} is missing" for key in expected.keys() - weights.keys()]
    wrong += [f"{key} is left over" for key in weights.keys() - expected.keys()]
    wrong += [
        f"{key} is {tuple(weights[key].shape)} where the model has {tuple(expected[key].shape)}"
        for key in expected.keys() & weights.keys()
        if weights[key].shape != expected[key].shape
    ]
    if wrong:
        raise InputError(f"{path} is not of the architecture MODEL.CLIP.ARCH: {'; '.join(sorted(wrong))}")
    tower.load_state_dict({key: value.to(expected[key].dtype) for key, value in weights.items()})


def resize_positional_embedding(
    embedding: Tensor, grid_size: tuple[int, int], *, interpolation: str, extra: int = 1
) -> Tensor:
    """(extra + g * g, width) of a square grid to (extra + h * w, width); a leading dimension of 1 is kept.

    Without antialiasing, as the authors' code; open_clip's own default, bicubic with antialiasing, differs by up to 1.9.

    Args:
        grid_size: (h, w). An embedding that has h * w positions and no square of them is of this grid, and stays.
        extra: rows before the grid that stay, 1 for a class token.
    Raises:
        InputError: another interpolation, or positions that are no square grid.
    """
    if interpolation not in ("bilinear", "bicubic"):
        raise InputError(f"MODEL.CLIP.POS_EMBED_INTERPOLATION is {interpolation!r}; expected 'bilinear' or 'bicubic'")
    rows = embedding.reshape(-1, embedding.shape[-1])
    kept, grid = rows[:extra], rows[extra:]
    side = int(len(grid) ** 0.5)
    if side * side != len(grid):
        if len(grid) == grid_size[0] * grid_size[1]:
            return embedding
        raise InputError(
            f"the positional embedding has {len(grid)} positions, which is no square grid, nor the "
            f"{grid_size[0]} x {grid_size[1]} of this input size; from which rows and columns to resize it is unknown"
        )
    grid = grid.T.reshape(1, -1, side, side)
    grid = F.interpolate(grid, size=grid_size, mode=interpolation, align_corners=False)
    resized = torch.cat([kept, grid.flatten(2)[0].T])
    return resized.reshape(*embedding.shape[:-2], *resized.shape)


def _positions(tower: nn.Module) -> tuple[str, tuple[int, int] | None]:
    """The name of a tower's positional embedding, in open_clip's own ViT and in a timm trunk, and its grid."""
    if hasattr(tower, "trunk"):
        return "trunk.pos_embed", getattr(getattr(tower.trunk, "patch_embed", None), "grid_size", None)
    return "positional_embedding", tower.grid_size
