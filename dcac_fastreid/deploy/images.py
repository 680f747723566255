"""What a user has of an image, as the encoder's input; which images a folder holds."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from dcac_fastreid import data
from dcac_fastreid.arguments import as_path
from dcac_fastreid.data.readers.suffixes import PHOTOS
from dcac_fastreid.data.readers.walk import walk
from dcac_fastreid.deploy.without_torch.given_images import rgb_image, unexpected
from dcac_fastreid.errors import InputError
from dcac_fastreid.names import shown
from dcac_fastreid.warn_once import warn_of_passed_over

ImageInput = str | os.PathLike | Image.Image | np.ndarray | Tensor


def images_in(folder: str | Path) -> list[Path]:
    """The image files in a folder and below it, as `walk` finds them; what it passes over is logged.

    Raises: InputError: no such folder, a file, or none of its files has an image's suffix.
    """
    walked = walk(folder)
    if not walked.images:
        looked_for = f"looked for {', '.join(sorted(PHOTOS))}"
        raise InputError(
            f"{folder} holds no image, in no folder below it either; {'; '.join([looked_for, *walked.notes()])}"
        )
    warn_of_passed_over(walked.notes())
    return walked.images


def readable(files: list[Path], *, skip: bool, what: str, need_one: bool = True) -> tuple[list[Path], list[Path]]:
    """Those that can be decoded, and those that cannot; decodes them all, so that hours of work do not end in a damaged one.

    Args:
        skip: go on without those that cannot.
        what: the images' name at the progress bar.
        need_one: whether there is nothing to go on with if none can be decoded.
    Raises: InputError: some cannot and shall not be skipped, or none can where one is needed.
    """
    damaged = set(data.unreadable_images([str(file) for file in files], what))
    left_out = [file for file in files if str(file) in damaged]
    none_left = need_one and len(left_out) == len(files)
    if left_out and (not skip or none_left):
        raise InputError(
            f"{len(left_out)} of {counted(len(files), 'image')} cannot be read: {shown(left_out)}; copy them again"
            + ("" if none_left else ", or go on without them by --skip-unreadable")
        )
    return [file for file in files if str(file) not in damaged], left_out


def photos_of(named: Iterable[str | Path], *, skip_unreadable: bool) -> tuple[list[Path], list[Path]]:
    """Files, and the images in folders and below them: those that can be read, and those that cannot.

    Raises: InputError: a file or folder that is not there; as images_in and readable.
    """
    named = [as_path(name, "a photo") for name in named]
    files = [file for name in named for file in (images_in(name) if name.is_dir() else [name])]
    for file in files:
        if not file.is_file():
            raise InputError(f"there is no image {file}")
    return readable(files, skip=skip_unreadable, what="photos")


def counted(number: int, what: str) -> str:
    """As "1 photo", "2 photos"."""
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def encoder_input(image: ImageInput, transform: Callable[[Image.Image], Tensor], size: tuple[int, int]) -> Tensor:
    """(3, H, W), float in [0, 255]: what fast-reid's test loader makes of an image.

    Args:
        image: as FeatureExtractor takes it.
        transform: fast-reid's, of an RGB image.
        size: (H, W), which a float tensor must have.
    Raises: InputError: a file that cannot be read, an array or tensor of another kind.
    """
    if isinstance(image, Tensor) and image.is_floating_point():
        return _checked(image, size)
    if isinstance(image, Tensor):
        if image.dtype != torch.uint8 or image.ndim != 3 or len(image) != 3:
            raise unexpected("a tensor", image, "(3, H, W) or (B, 3, H, W), uint8 or float in [0, 255]")
        image = image.permute(1, 2, 0).cpu().numpy()
    return transform(rgb_image(image))


def _checked(image: Tensor, size: tuple[int, int]) -> Tensor:
    if image.shape != (3, *size):
        raise unexpected("a float tensor", image, f"the input size (3, {size[0]}, {size[1]}); uint8 of any size")
    low, high = image.min().item(), image.max().item()
    if not (low >= 0 and 1 < high <= 255):  # scaled to [0, 1], or normalised: another image to the encoder
        raise InputError(
            f"a float tensor has values from {low:.3g} to {high:.3g}; expected RGB in [0, 255], the encoder scales it itself"
        )
    return image.float().cpu()
