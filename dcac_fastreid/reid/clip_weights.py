"""CLIP's image-tower weights from the files in which people have them."""

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dcac_fastreid.errors import InputError


def load_image_tower(tower: nn.Module, path: str, *, interpolation: str) -> None:
    """Loads an open_clip image tower from a CLIP checkpoint, strictly, in place.

    Args:
        tower: open_clip's VisionTransformer at the size of the Re-ID input.
        path: OpenAI's TorchScript archive (`ViT-B-16.pt`), a `.safetensors`, or a pickled state dict; keys `visual.*`.
        interpolation: "bilinear" or "bicubic", for the positional embedding.
    Raises:
        FileNotFoundError: no such file.
        InputError: no CLIP file, or one of another architecture.
    """
    weights = {
        key.removeprefix("visual."): value.float() for key, value in _read(path).items() if key.startswith("visual.")
    }
    if not weights:
        raise InputError(
            f"{path} holds no weight named visual.*; expected a CLIP checkpoint in OpenAI's or open_clip's format"
        )
    if "positional_embedding" in weights:
        weights["positional_embedding"] = resize_positional_embedding(
            weights["positional_embedding"], tower.grid_size, interpolation=interpolation
        )
    expected = tower.state_dict()
    wrong = [f"{key} is missing" for key in expected.keys() - weights.keys()]
    wrong += [f"{key} is left over" for key in weights.keys() - expected.keys()]
    wrong += [
        f"{key} is {tuple(weights[key].shape)} where the model has {tuple(expected[key].shape)}"
        for key in expected.keys() & weights.keys()
        if weights[key].shape != expected[key].shape
    ]
    if wrong:
        raise InputError(f"{path} is not of the architecture MODEL.CLIP.ARCH: {'; '.join(sorted(wrong))}")
    tower.load_state_dict(weights)


def resize_positional_embedding(embedding: Tensor, grid_size: tuple[int, int], *, interpolation: str) -> Tensor:
    """(1 + g * g, width) of a square grid to (1 + h * w, width); the class token's row stays.

    Without antialiasing, as the release; open_clip's own default, bicubic with antialiasing, differs by up to 1.9.
    """
    if interpolation not in ("bilinear", "bicubic"):
        raise InputError(f"MODEL.CLIP.POS_EMBED_INTERPOLATION is {interpolation!r}; expected 'bilinear' or 'bicubic'")
    class_token, grid = embedding[:1], embedding[1:]
    side = int(len(grid) ** 0.5)
    if side * side != len(grid):
        raise InputError(f"the positional embedding has {len(grid)} positions, which is no square grid")
    grid = grid.T.reshape(1, -1, side, side)
    grid = F.interpolate(grid, size=grid_size, mode=interpolation, align_corners=False)
    return torch.cat([class_token, grid.flatten(2)[0].T])


def _read(path: str) -> Mapping[str, Tensor]:
    if not Path(path).is_file():
        raise FileNotFoundError(
            f"MODEL.BACKBONE.PRETRAIN_PATH names {path!r}, which is no file; expected CLIP's weights"
        )
    if path.endswith(".safetensors"):
        from safetensors.torch import load_file

        return load_file(path)
    try:
        return torch.jit.load(path, map_location="cpu").state_dict()  # OpenAI's archive; none of its methods is called
    except RuntimeError:  # no TorchScript archive
        pass
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise InputError(
            f"{path} cannot be read as CLIP's weights ({str(error).splitlines()[0]}); is it complete?"
        ) from error
