"""What a user has of an image, as an RGB image; of arrays and tensors one or many."""

import os
from collections.abc import Iterable
from typing import Any

import numpy as np
from PIL import Image

from dcac_fastreid import data
from dcac_fastreid.arguments import shown_value
from dcac_fastreid.errors import InputError


def as_list(images: Any) -> list:
    """One image, a list of them or an array or tensor with a batch dimension, as a list of single images.

    Raises: InputError: none of these.
    """
    if isinstance(images, str | os.PathLike | Image.Image):
        return [images]
    if hasattr(images, "ndim"):  # an array or a tensor
        return list(images) if images.ndim == 4 else [images]
    if not isinstance(images, Iterable):
        raise no_image(images)
    return list(images)


def rgb_image(image: Any) -> Image.Image:
    """Of a path, a PIL image or an array (H, W, 3), uint8, RGB. Raises: InputError: none of these, or not to be read."""
    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
            raise unexpected("an array", image, "(H, W, 3) or (B, H, W, 3), uint8, RGB")
        return Image.fromarray(image)
    if isinstance(image, Image.Image):
        try:
            return data.upright_rgb(image)
        except (OSError, ValueError, SyntaxError) as error:  # opened, but not decoded yet
            raise InputError(f"a PIL image cannot be read: {error}") from error
    if isinstance(image, str | os.PathLike):
        if os.path.isdir(image):
            raise InputError(f"{os.fspath(image)} is a folder; expected an image: give the list of the folder's files")
        if not os.path.isfile(image):
            raise InputError(f"there is no image {os.fspath(image)}")
        return data.read_image(os.fspath(image))
    raise no_image(image)


def no_image(thing: object) -> InputError:
    return InputError(
        f"expected an image (a path, a PIL image, an array or a tensor) or a list of images, got {shown_value(thing)}"
    )


def unexpected(what: str, image: Any, expected: str) -> InputError:
    return InputError(f"{what} is {tuple(image.shape)}, {image.dtype}; expected {expected}")
