"""Distances between query and gallery features, one block of queries at a time.

Q queries, G gallery images, D feature width.
"""

import torch
from torch import Tensor
from torch.nn.functional import normalize

from dcac_fastreid.distributed.shared_work import ALONE, Processes, even_pieces
from dcac_fastreid.errors import InputError

MEMORY_LIMIT = 128 * 2**20  # more is hardly faster: 11,659 x 82,161, 512 wide, 2 cores
SHORTEST = 64  # queries of a block; of fewer, a product with the gallery takes longer for each
DIVERGED = "has the training diverged? Evaluate an earlier checkpoint, or train with a smaller SOLVER.BASE_LR"


def blocks_of(rows: int, bytes_per_row: int, memory_limit: int) -> list[slice]:
    """Slices over `rows`, as long as fits the limit, one row at least."""
    step = max(1, memory_limit // max(1, bytes_per_row))
    return [slice(first, min(first + step, rows)) for first in range(0, rows, step)]


def blocks_to_share(rows: int, bytes_per_row: int, memory_limit: int) -> list[slice]:
    """As blocks_of, but shorter ones where processes could not share these evenly."""
    return even_pieces(rows, SHORTEST, at_least=len(blocks_of(rows, bytes_per_row, memory_limit)))


def buffer_for(slices: list[slice], features: Tensor, width: int) -> Tensor:
    """Room for the longest slice, uninitialised; the first slice is the longest."""
    return features.new_empty(slices[0].stop - slices[0].start if slices else 0, width)


def squared_euclidean(features: Tensor, others: Tensor, others_squared: Tensor, out: Tensor | None = None) -> Tensor:
    """SQUARED Euclidean distances, (len(features), len(others)); the host's numbers, to rounding.

    Args:
        others_squared: (len(others),), squared lengths.
    """
    squares = torch.add(features.square().sum(dim=1, keepdim=True), others_squared, out=out)
    return squares.addmm_(features, others.T, alpha=-2)


class ToGallerySquaredEuclidean:
    """Writes squared_euclidean to the gallery into a block. `pieces` of the gallery are squared at a time."""

    def __init__(self, gallery: Tensor, pieces: list[slice]):
        self._gallery = gallery
        self._squared = torch.cat([gallery[piece].square().sum(dim=1) for piece in pieces])

    def __call__(self, query: Tensor, block: Tensor) -> None:
        squared_euclidean(query, self._gallery, self._squared, out=block)


class ToGalleryCosine:
    """Writes 1 - cosine to the gallery into a block; the host's numbers, to rounding.

    A normalised gallery would double the memory. `pieces` of it, made again for each block, cost a tenth of the time; a single
    one is made once.
    """

    def __init__(self, gallery: Tensor, pieces: list[slice]):
        self._gallery, self._pieces = gallery, pieces
        self._lengths = gallery.norm(dim=1, keepdim=True).clamp_min(1e-12)  # as torch's normalize
        self._buffer = buffer_for(pieces, gallery, gallery.shape[1])
        self._is_made = False

    def __call__(self, query: Tensor, block: Tensor) -> None:
        query = normalize(query)
        for piece in self._pieces:
            torch.mm(query, self._unit(piece).T, out=block[:, piece])
        block.neg_().add_(1)

    def _unit(self, piece: slice) -> Tensor:
        unit = self._buffer[: piece.stop - piece.start]
        if not self._is_made:
            torch.div(self._gallery[piece], self._lengths[piece], out=unit)
            self._is_made = len(self._pieces) == 1
        return unit


METRICS = {"cosine": ToGalleryCosine, "euclidean": ToGallerySquaredEuclidean}  # TEST.METRIC


class FeatureDistances:
    """The host's distances, fp32: 1 - cosine, or SQUARED Euclidean. Iterating makes them, any number of times.

    Yields: index of the block's first query, and its distances, NumPy (queries of the block, G). The next block may
        overwrite them. Of several processes each has some of the blocks that one process would make, with the same bits.

    Args:
        query_features, gallery_features: (Q, D) and (G, D).
        metric: a key of METRICS.
        device: where they are made; None = where the features are.
        memory_limit: bytes of a block and of a piece of the gallery, half each, one row at least. The features on the
            device come on top.
        processes: those that share the blocks.
    Raises: InputError: another metric.
    """

    def __init__(
        self,
        query_features,
        gallery_features,
        metric="cosine",
        device=None,
        memory_limit=MEMORY_LIMIT,
        processes: Processes = ALONE,
    ):
        if metric not in METRICS:
            raise InputError(f"TEST.METRIC is {metric!r}, expected one of {list(METRICS)}")
        self.query, self.gallery = (
            torch.as_tensor(features, dtype=torch.float32, device=device).detach()
            for features in (query_features, gallery_features)
        )
        self.metric = metric
        self._blocks = processes.own(blocks_to_share(len(self.query), 4 * len(self.gallery), memory_limit // 2))
        pieces = blocks_of(len(self.gallery), 4 * self.gallery.shape[1], memory_limit // 2)
        self._write = METRICS[metric](self.gallery, pieces)

    def __iter__(self):
        buffer = buffer_for(self._blocks, self.query, len(self.gallery))
        for rows in self._blocks:
            block = buffer[: rows.stop - rows.start]
            self._write(self.query[rows], block)
            yield rows.start, block.cpu().numpy()
