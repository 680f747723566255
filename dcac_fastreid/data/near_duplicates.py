"""Which images are nearly the same: neighbouring frames of a video, or copies that were resized or stored again?"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import PIL
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from dcac_fastreid.data.hashes import kept_hashes
from dcac_fastreid.data.images import read_image
from dcac_fastreid.errors import InputError

SIDE = 8
BITS = 2 * SIDE**2
# Near-duplicates differ in at most so many of the 128 bits. Measured on the synthetic data set: an image against itself shifted by
# 2 pixels of 64 x 128, 7 % brighter and stored again differs in 9 bits (median; 95 %: 17), and of the pairs of one person by
# one camera 0.1 % in 31 or less. Libraries that look for copies alone take 2. Here a missed pair makes a score too good, and
# one too many costs a query.
LIMIT = 20
TABLE = f"difference hashes by Pillow {PIL.__version__}"
PORTION = 2**23  # distances at a time; 32 MB


def perceptual_hashes(paths: Iterable[str | Path]) -> dict[str, str]:
    """Path as given -> difference hash (dHash) of the image, BITS as hexadecimal digits; kept as by `file_hashes`.

    Its bits tell where the image, at 9 x 9 grey values, gets brighter from left to right and from top to bottom. An image
    that cannot be read is left out.

    Raises: FileNotFoundError: a file is not there.
    """
    return kept_hashes(paths, TABLE, _look)


def close_pairs(hashes: Sequence[str]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Indices i < j of all pairs of near-duplicates, in portions.

    Their number of equal bits is a matrix product, so that no loop runs over pairs.
    """
    if not len(hashes):
        return
    bits = np.unpackbits(np.array([list(bytes.fromhex(text)) for text in hashes], dtype=np.uint8), axis=1)
    signs = (
        bits.astype(np.float32) * 2 - 1
    )  # of two hashes, their product's sum is BITS - 2 x the bits in which they differ
    rows = max(1, PORTION // len(signs))
    for first in range(0, len(signs), rows):
        i, j = np.nonzero(signs[first : first + rows] @ signs[first:].T >= BITS - 2 * LIMIT)
        yield i[j > i] + first, j[j > i] + first


def near_duplicate_groups(hashes: Sequence[str | None]) -> np.ndarray:
    """A group number for every hash: near-duplicates, and near-duplicates of those, are one group; None is alone."""
    groups = np.arange(len(hashes))
    known = np.array([index for index, text in enumerate(hashes) if text is not None], dtype=int)
    for i, j in close_pairs([hashes[index] for index in known]):
        edges = coo_array((np.ones(len(i)), (groups[known[i]], groups[known[j]])), shape=(len(hashes), len(hashes)))
        groups = connected_components(edges, directed=False)[1][groups]
    return groups


def _look(path: str) -> str | None:
    try:
        image = read_image(path)
    except (InputError, OSError):  # whoever trains or tests on it reports it, or leaves it out
        return None
    grey = np.asarray(image.convert("L").resize((SIDE + 1, SIDE + 1), Image.Resampling.BOX))
    brighter = [grey[:-1, 1:] > grey[:-1, :-1], grey[1:, :-1] > grey[:-1, :-1]]
    return np.packbits(brighter).tobytes().hex()
