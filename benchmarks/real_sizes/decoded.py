"""How often was each image decoded, by this process and those that it has forked?"""

import hashlib
import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import ImageFile

RECORD = struct.Struct("<8sB")  # digest of the file's beginning, number of the pass
HEAD = 4096  # bytes, in which two images of `write` differ: they hold the number in the corner
FIELDS = np.dtype([("image", "<u8"), ("pass", "u1")])


class Decoded:
    """A file with a record for each decoding by Pillow, which a program's own reading of images cannot pass by.

    Args: file: to write. current_pass: says the number of the pass at work.
    """

    def __init__(self, file: Path, current_pass: Callable[[], int]):
        self._file, self._pass = file, current_pass
        self._descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
        load = ImageFile.ImageFile.load

        def counted(image):
            if image.tile:  # Pillow calls it again for an image that is decoded
                os.write(self._descriptor, RECORD.pack(_digest(image.fp), self._pass()))
            return load(image)

        ImageFile.ImageFile.load = counted

    def counts(self) -> tuple[dict[int, int], dict[int, int]]:
        """Number of decodings -> images decoded so often; number of a pass -> decodings in it."""
        records = np.fromfile(self._file, FIELDS)
        times = np.unique_counts(np.unique_counts(records["image"]).counts)
        by_pass = np.unique_counts(records["pass"])
        return tuple(dict(zip(*map(np.ndarray.tolist, found), strict=True)) for found in (times, by_pass))


def _digest(file) -> bytes:
    """Of an image's beginning, whether it is read from the disk or from memory; the place in the file stays."""
    place = file.tell()
    file.seek(0)
    head = file.read(HEAD)
    file.seek(place)
    return hashlib.blake2b(head, digest_size=8).digest()
