"""An image file as an RGB image of 8 bits, whatever its own form."""

import os
import re
import stat
from collections.abc import Iterable
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from dcac_fastreid.errors import InputError
from dcac_fastreid.names import printable
from dcac_fastreid.wrong_files import HEAD, what_else


def read_image(path: str) -> Image.Image:
    """The image in RGB, 8 bits a channel, turned as its EXIF orientation says. 8-bit RGB and grey: as fast-reid reads them.

    Grey, palette, 1-bit and CMYK are converted, alpha is dropped, of 16 bits the upper 8 are kept; of several images in a
    file it is the first.

    Raises:
        InputError: the file is empty, cut off, too large or no image, or its values have no known range; names the path.
        OSError: the operating system cannot open or read it.
    """
    if "://" not in path and not stat.S_ISREG(os.stat(path).st_mode):  # a pipe would be waited for
        raise _unreadable(path, "it is a folder, a pipe or a device", "name a file")
    with _open(path) as file:
        return decode_image(file, path)


def decode_image(file: BinaryIO, name: str, formats: Iterable[str] | None = None) -> Image.Image:
    """As `read_image`, of an open file. Args: name: for the sentence. formats: Pillow's names of those that are decoded."""
    try:
        image = Image.open(file, formats=None if formats is None else list(formats))
        image.load()
        return upright_rgb(image)
    except UnidentifiedImageError as error:
        file.seek(0)
        raise _unreadable(name, *what_it_is(file.read(HEAD))) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _unreadable(name, *_too_large(error)) from error
    except MemoryError:
        raise
    except Exception as error:  # of a damaged file, Pillow's decoders raise nearly anything
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk's, not the image's
        reason = " ".join(str(error).split())
        if "MAX_TEXT" in reason:
            raise _unreadable(name, f"its text fields are too large ({reason})", "save it without them") from error
        raise _unreadable(name, reason) from error


def read_image_of_run(path: str) -> Image.Image:
    """As `read_image`, of a training's or a test's data sets: its sentence names the key that leaves such images out."""
    try:
        return read_image(path)
    except InputError as error:
        raise InputError(f"{error}, or leave it out by DATALOADER.SKIP_CORRUPT True") from error


def upright_rgb(image: Image.Image) -> Image.Image:
    """An opened image as `read_image` gives it. Raises ValueError: values without a known range."""
    return _as_rgb(_upright(image))


def _open(path: str) -> BinaryIO:
    if "://" not in path:
        return open(path, "rb")
    from fastreid.utils.file_io import PathManager  # late: with PyTorch

    return PathManager.open(path, "rb")


def _unreadable(path: str, reason: str, next_step: str = "copy it again") -> InputError:
    return InputError(f"{path} cannot be read as an image: {reason}; {next_step}")


def what_it_is(head: bytes) -> tuple[str, str]:
    """What a file is that Pillow does not know, by its first bytes, and the next step."""
    if head[4:8] == b"ftyp":
        kind = printable(head[8:12].decode("latin-1")).upper()
        return f"it is of no known image format here ({kind}, whatever its name)", "convert it to .jpg or .png"
    what, next_step = what_else(head)
    return what or "it is of no known image format", next_step or "copy it again"


def _too_large(error: Exception) -> tuple[str, str]:
    pixels = re.search(r"\((\d+) pixels\)", str(error))
    many = f"it has {int(pixels[1]):,} pixels, and may be made to fill the memory" if pixels else str(error)
    return f"{many}; at most {2 * (Image.MAX_IMAGE_PIXELS or 0):,} are read", "shrink it, or cut the person out"


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # as fast-reid: an image with broken EXIF data is taken as it lies
        return image


def _as_rgb(image: Image.Image) -> Image.Image:
    if not image.mode.startswith(("I", "F")):
        return image.convert("RGB")
    # convert() clips these: all above 255 would be white. Of 16-bit colour Pillow itself keeps the upper 8 bits.
    pixels = np.asarray(image)
    if image.mode == "F" or pixels.min() < 0 or pixels.max() > 65_535:
        raise ValueError(f"its values, {pixels.min()} to {pixels.max()}, are not of 8 or 16 bits")
    return Image.fromarray((pixels >> 8).astype(np.uint8)).convert("RGB")
