"""The exact search: products with all vectors, in memory. n vectors, q queries, D width."""

from collections.abc import Iterator, Sequence

import numpy as np

from dcac_fastreid.deploy.search.vectors import EVERYWHERE, Where

QUERIES = 256  # at a time
PRODUCTS = 2**23  # at a time: 32 MiB, however many vectors there are
FIRST_VECTORS, FIRST_PRODUCTS = 8192, 2**20  # at first, as all of these have to be sorted out
FEW = 0.6  # of the vectors of a block
UNKNOWN = -1  # the number of no camera
NEVER = np.iinfo(np.int64).min  # the time of what has none


class Exact:
    """An engine, see `vectors.Vectors`. It keeps nothing beyond the process: the features lie in the index's file."""

    def __init__(self, width: int):
        self._keys = np.empty(0, dtype=np.int64)
        self._features = np.empty((0, width), dtype=np.float32)
        self._cameras = np.empty(0, dtype=np.int32)
        self._times = np.empty(0, dtype=np.int64)
        self._camera_numbers: dict[str, int] = {}

    def add(
        self, keys: np.ndarray, features: np.ndarray, cameras: Sequence[str | None], times: Sequence[int | None]
    ) -> None:
        numbers = [
            UNKNOWN if camera is None else self._camera_numbers.setdefault(camera, len(self._camera_numbers))
            for camera in cameras
        ]
        moments = [NEVER if time is None else time for time in times]
        if len(self._keys):
            self.remove(keys)
        # One block of memory, and not a second one beside features that are the only ones.
        features = np.asarray(features, dtype=np.float32)
        self._features = np.concatenate([self._features, features]) if len(self._keys) else features
        self._keys = np.concatenate([self._keys, np.asarray(keys, dtype=np.int64)])
        self._cameras = np.concatenate([self._cameras, np.array(numbers, dtype=np.int32)])
        self._times = np.concatenate([self._times, np.array(moments, dtype=np.int64)])

    def remove(self, keys: np.ndarray) -> None:
        stay = ~np.isin(self._keys, keys)
        if stay.all():
            return
        self._keys, self._features = self._keys[stay], self._features[stay]
        self._cameras, self._times = self._cameras[stay], self._times[stay]

    def search(self, features: np.ndarray, k: int, where: Where = EVERYWHERE) -> tuple[np.ndarray, np.ndarray]:
        """Of equal similarities, the vector that was added first comes first."""
        chosen, keys = self._chosen(where), np.append(self._keys, -1)
        similarities = np.empty((len(features), k), dtype=np.float32)
        found = np.empty((len(features), k), dtype=np.int64)
        for begin in range(0, len(features), QUERIES):
            part = slice(begin, begin + QUERIES)
            similarities[part], rows = _most_similar(features[part], self._features, chosen, k)
            found[part] = keys[rows]  # of row -1 the key -1
        return similarities, found

    def keys(self) -> np.ndarray:
        return np.sort(self._keys)

    def save(self) -> None:
        pass

    def stats(self) -> dict:
        return {"engine": "exact", "vectors": len(self._keys), "width": self._features.shape[1]}

    def _chosen(self, where: Where) -> np.ndarray | None:
        """(n,), bool; None for all."""
        if where == EVERYWHERE:
            return None
        chosen = np.ones(len(self._keys), dtype=bool)
        if where.cameras is not None:
            numbers = [self._camera_numbers[camera] for camera in where.cameras if camera in self._camera_numbers]
            chosen &= np.isin(self._cameras, numbers)
        if where.not_camera is not None:
            chosen &= self._cameras != self._camera_numbers.get(where.not_camera, UNKNOWN - 1)
        if where.after is not None:
            chosen &= self._times >= where.after
        if where.before is not None:
            chosen &= (self._times < where.before) & (self._times != NEVER)
        return chosen


def _most_similar(
    queries: np.ndarray, features: np.ndarray, chosen: np.ndarray | None, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """Similarities (q, k) and rows (q, k). Block by block: after the small first ones, few exceed the k-th best so far."""
    best = np.full((len(queries), k), -np.inf, dtype=np.float32)
    rows = np.full((len(queries), k), -1, dtype=np.int64)
    largest = max(1, PRODUCTS // len(queries))
    products = np.empty(len(queries) * min(largest, len(features)), dtype=np.float32)
    for begin, end in _blocks(len(features), max(FIRST_VECTORS, FIRST_PRODUCTS // len(queries)), largest):
        block, numbers = features[begin:end], np.arange(begin, end)
        inside = None if chosen is None else chosen[begin:end]
        if inside is not None and inside.mean() < FEW:  # to copy these is faster than to compute all products
            block, numbers, inside = block[inside], numbers[inside], None
        room = products[: len(queries) * len(block)].reshape(len(queries), len(block))  # no new memory for each block
        similarities = np.matmul(queries, block.T, out=room)
        if inside is not None:
            similarities[:, ~inside] = -np.inf  # row -1 comes before these, see _merged
        found, places = np.divmod(np.flatnonzero(_candidates(similarities, best)), max(len(block), 1))
        if len(found):
            best, rows = _merged(best, rows, found, similarities[found, places], numbers[places])
    return best, rows


def _blocks(count: int, first: int, largest: int) -> Iterator[tuple[int, int]]:
    begin, end = 0, min(count, first, largest)
    while begin < count:
        yield begin, end
        begin, end = end, min(end + largest, count)


def _candidates(similarities: np.ndarray, best: np.ndarray) -> np.ndarray:
    """(q, block), bool: those that may be among the k best of all."""
    k, worst = best.shape[1], best[:, -1:]
    if similarities.shape[1] > k and np.isneginf(worst).any():
        return similarities >= np.partition(similarities, -k, axis=1)[:, -k, None]
    return similarities > worst


def _merged(
    best: np.ndarray, rows: np.ndarray, queries: np.ndarray, similarities: np.ndarray, numbers: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The k best of those so far and the new ones. Of equal ones the first row is the best.

    Args: queries: rising, of which query each of the new similarities is. numbers: their rows, rising for each query.
    """
    k, counts = best.shape[1], np.bincount(queries, minlength=len(best))
    column = np.arange(len(queries)) - (counts.cumsum() - counts)[queries] + k
    all_best = np.full((len(best), k + counts.max()), -np.inf, dtype=np.float32)
    all_rows = np.full(all_best.shape, -1, dtype=np.int64)
    all_best[:, :k], all_rows[:, :k] = best, rows
    all_best[queries, column], all_rows[queries, column] = similarities, numbers
    order = np.argsort(-all_best, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(all_best, order, axis=1), np.take_along_axis(all_rows, order, axis=1)
