"""Unit vectors, searched by their product with others: what an engine of the search can do, and which vectors are searched.

n vectors, q queries, D width. Engines: `exact.Exact`, the default, and `milvus.Milvus`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class Where:
    """Which vectors are searched; with nothing told, all.

    cameras: those of one of these. not_camera: all but those of this one; of an unknown camera they stay.
    after, before: those with a time from `after` on and earlier than `before`, as cameras_and_times counts it.
    """

    cameras: frozenset[str] | None = None
    not_camera: str | None = None
    after: int | None = None
    before: int | None = None

    def holds(self, camera: str | None, time: int | None) -> bool:
        """Whether a photo of this camera and time is searched."""
        if self.cameras is not None and camera not in self.cameras:
            return False
        if self.not_camera is not None and camera == self.not_camera:
            return False
        if (self.after is not None or self.before is not None) and time is None:
            return False
        return (self.after is None or time >= self.after) and (self.before is None or time < self.before)


EVERYWHERE = Where()


class Vectors(Protocol):
    """An engine. A vector has a key, which no other has, and perhaps a camera and a time."""

    def add(
        self, keys: np.ndarray, features: np.ndarray, cameras: Sequence[str | None], times: Sequence[int | None]
    ) -> None:
        """keys: (n,), int64, from 0. features: (n, D), float32, rows of length 1. One that is there is replaced."""

    def remove(self, keys: np.ndarray) -> None:
        """Those that are not there are passed over."""

    def search(self, features: np.ndarray, k: int, where: Where = EVERYWHERE) -> tuple[np.ndarray, np.ndarray]:
        """The k most similar vectors for each of q: similarities (q, k), float32, falling, and keys (q, k), int64.

        Where fewer are found, the last similarities are -inf and their keys -1.
        """

    def keys(self) -> np.ndarray:
        """(n,), int64, rising."""

    def save(self) -> None:
        """From here on, what was added and removed outlives the process, if the engine keeps anything beyond it."""

    def stats(self) -> dict:
        """engine, vectors (their number), width."""


def fill(
    vectors: Vectors, keys: np.ndarray, features: np.ndarray, cameras: Sequence, times: Sequence
) -> tuple[int, int]:
    """Brings an engine to hold these vectors and no others; those whose keys it has already are not written again.

    Returns: the numbers of vectors that were added and removed.
    """
    present = vectors.keys()
    superfluous = np.setdiff1d(present, keys)
    missing = np.flatnonzero(~np.isin(keys, present))
    if len(superfluous):
        vectors.remove(superfluous)
    if len(missing) == len(keys):
        vectors.add(keys, features, cameras, times)  # no copy: features may be most of the memory
    elif len(missing):
        vectors.add(
            keys[missing], features[missing], [cameras[row] for row in missing], [times[row] for row in missing]
        )
    if len(superfluous) or len(missing):
        vectors.save()
    return len(missing), len(superfluous)
