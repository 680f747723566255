"""From the bytes of a file to an image, and to a small JPEG of it, without filling the memory."""

import io
import threading

from PIL import Image

from dcac_fastreid import data
from dcac_fastreid.data.readers.suffixes import FORMATS

THUMBNAIL = (256, 512)  # pixels at most: twice what the page shows, for screens of fine pixels
_AT_A_TIME = threading.Semaphore(2)  # a file may decode to half a gigabyte, and the server has 40 threads


def decoded(content: bytes, name: str) -> Image.Image:
    """In RGB. Raises: InputError: no photo (drawings, icons and films are none), or one that is cut off or too large."""
    with _AT_A_TIME:
        return data.decode_image(io.BytesIO(content), name, FORMATS & Image.OPEN.keys())


def thumbnail(image: Image.Image) -> bytes:
    """A JPEG file."""
    small = image.copy()
    small.thumbnail(THUMBNAIL)
    small.info.clear()  # a comment in it would be written, too
    stream = io.BytesIO()
    small.save(stream, "JPEG", quality=85)
    return stream.getvalue()
