"""What a user has of a picture, as the encoder's input; which pictures a folder holds."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from dcac_fastreid import data
from dcac_fastreid.arguments import as_path, shown_value
from dcac_fastreid.data.readers.suffixes import PHOTOS
from dcac_fastreid.data.readers.walk import walk
from dcac_fastreid.errors import InputError
from dcac_fastreid.names import shown
from dcac_fastreid.warn_once import warn_of_passed_over

Picture = str | os.PathLike | Image.Image | np.ndarray | Tensor


def pictures_in(folder: str | Path) -> list[Path]:
    """The picture files in a folder and below it, as `walk` finds them; what it passes over is logged.

    Raises: InputError: no such folder, a file, or none of its files has a picture's suffix.
    """
    walked = walk(folder)
    if not walked.pictures:
        looked_for = f"looked for {', '.join(sorted(PHOTOS))}"
        raise InputError(
            f"{folder} holds no picture, in no folder below it either; {'; '.join([looked_for, *walked.notes()])}"
        )
    warn_of_passed_over(walked.notes())
    return walked.pictures


def readable(files: list[Path], *, skip: bool, what: str) -> tuple[list[Path], list[Path]]:
    """Those that can be decoded, and those that cannot; decodes them all, so that hours of work do not end in a damaged one.

    Args:
        skip: go on without those that cannot.
        what: the pictures' name at the progress bar.
    Raises: InputError: some cannot and shall not be skipped, or none can.
    """
    damaged = set(data.unreadable_pictures([str(file) for file in files], what))
    left_out = [file for file in files if str(file) in damaged]
    none_left = len(left_out) == len(files)
    if left_out and (not skip or none_left):
        raise InputError(
            f"{len(left_out)} of {counted(len(files), 'picture')} cannot be read: {shown(left_out)}; copy them anew"
            + ("" if none_left else ", or go on without them by --skip-unreadable")
        )
    return [file for file in files if str(file) not in damaged], left_out


def photos_of(named: Iterable[str | Path], *, skip_unreadable: bool) -> tuple[list[Path], list[Path]]:
    """Files, and the pictures in folders and below them: those that can be read, and those that cannot.

    Raises: InputError: a file or folder that is not there; as pictures_in and readable.
    """
    named = [as_path(name, "a photo") for name in named]
    files = [file for name in named for file in (pictures_in(name) if name.is_dir() else [name])]
    for file in files:
        if not file.is_file():
            raise InputError(f"there is no picture {file}")
    return readable(files, skip=skip_unreadable, what="photos")


def counted(number: int, what: str) -> str:
    """As "1 photo", "2 photos"."""
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def as_list(pictures: Picture | Iterable[Picture]) -> list[Picture]:
    """One picture, a list of them or an array or tensor with a batch dimension, as a list of single pictures.

    Raises: InputError: none of these.
    """
    if isinstance(pictures, np.ndarray | Tensor) and pictures.ndim == 4:
        return list(pictures)
    if isinstance(pictures, str | os.PathLike | Image.Image | np.ndarray | Tensor):
        return [pictures]
    if not isinstance(pictures, Iterable):
        raise _no_picture(pictures)
    return list(pictures)


def encoder_input(picture: Picture, transform: Callable[[Image.Image], Tensor], size: tuple[int, int]) -> Tensor:
    """(3, H, W), float in [0, 255]: what fast-reid's test loader makes of a picture.

    Args:
        picture: as FeatureExtractor takes it.
        transform: fast-reid's, of an RGB picture.
        size: (H, W), which a float tensor must have.
    Raises: InputError: a file that cannot be read, an array or tensor of another kind.
    """
    if isinstance(picture, Tensor) and picture.is_floating_point():
        return _checked(picture, size)
    if isinstance(picture, Tensor):
        if picture.dtype != torch.uint8 or picture.ndim != 3 or len(picture) != 3:
            raise _unexpected("a tensor", picture, "(3, H, W) or (B, 3, H, W), uint8 or float in [0, 255]")
        picture = picture.permute(1, 2, 0).cpu().numpy()
    if isinstance(picture, np.ndarray):
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or 0 in picture.shape:
            raise _unexpected("an array", picture, "(H, W, 3) or (B, H, W, 3), uint8, RGB")
        return transform(Image.fromarray(picture))
    if isinstance(picture, Image.Image):
        try:
            return transform(data.upright_rgb(picture))
        except (OSError, ValueError, SyntaxError) as error:  # opened, but not decoded yet
            raise InputError(f"a PIL picture cannot be read: {error}") from error
    if isinstance(picture, str | os.PathLike):
        if os.path.isdir(picture):
            raise InputError(
                f"{os.fspath(picture)} is a folder; expected a picture: give the list of the folder's files"
            )
        if not os.path.isfile(picture):
            raise InputError(f"there is no picture {os.fspath(picture)}")
        return transform(data.read_image(os.fspath(picture)))
    raise _no_picture(picture)


def _checked(picture: Tensor, size: tuple[int, int]) -> Tensor:
    if picture.shape != (3, *size):
        raise _unexpected("a float tensor", picture, f"the input size (3, {size[0]}, {size[1]}); uint8 of any size")
    low, high = picture.min().item(), picture.max().item()
    if not (low >= 0 and 1 < high <= 255):  # scaled to [0, 1], or normalised: another picture to the encoder
        raise InputError(
            f"a float tensor has values from {low:.3g} to {high:.3g}; expected RGB in [0, 255], the encoder scales it itself"
        )
    return picture.float().cpu()


def _no_picture(thing: object) -> InputError:
    return InputError(
        f"expected a picture (a path, a PIL picture, an array or a tensor) or a list of pictures, got {shown_value(thing)}"
    )


def _unexpected(what: str, picture: np.ndarray | Tensor, expected: str) -> InputError:
    return InputError(f"{what} is {tuple(picture.shape)}, {picture.dtype}; expected {expected}")
