"""k-reciprocal neighbour vectors of Zhong et al., 2017, sparse.

N query and gallery images together, D feature width, k1 and k2 numbers of neighbours.
"""

import faiss
import numpy as np
from scipy import sparse

from dcac_fastreid.distributed.shared_work import ALONE, Processes, even_pieces
from dcac_fastreid.errors import InputError
from dcac_fastreid.evaluation.distances import DIVERGED

CHUNK = 256  # images at a time: their k1 x k1/2 x k1 comparisons stay in the cache
SHORTEST = 1024  # images of a search; of fewer, faiss computes distances in another way, whose bits are not those of one search


def nearest_images(features, neighbours: int, processes: Processes):
    """(N, neighbours) int32, nearest first; the host's exact search, so images at equal distance are the host's too."""
    index = faiss.IndexFlatL2(features.shape[1])
    index.add(features)
    searches = processes.own(even_pieces(len(features), SHORTEST))
    return np.concatenate(
        processes.together(
            lambda: [index.search(features[images], neighbours)[1].astype(np.int32) for images in searches]
        )
    )


def chunks(images: int):
    return [np.arange(first, min(first + CHUNK, images)) for first in range(0, images, CHUNK)]


def are_reciprocal(nearest, processes: Processes):
    """(N, k) bool: which of an image's k neighbours have the image among their k."""
    return np.concatenate(
        processes.together(
            lambda: [
                (nearest[nearest[images]] == images[:, None, None]).any(axis=2)
                for images in processes.own(chunks(len(nearest)))
            ]
        )
    )


def expanded_neighbours(images, nearest, reciprocal, half_nearest, half_reciprocal):
    """Pairs (row of `images`, neighbour), sorted: the reciprocal neighbours, and theirs where two thirds are shared."""
    neighbours, is_neighbour = nearest[images], reciprocal[images]
    candidates, is_candidate = half_nearest[neighbours], half_reciprocal[neighbours]  # (images, k1, k1 / 2)
    same = (candidates[..., None] == neighbours[:, None, None]) & is_neighbour[:, None, None]
    shared = (same.any(axis=3) & is_candidate).sum(axis=2)
    accepted = is_neighbour & (shared > 2 / 3 * is_candidate.sum(axis=2))
    is_candidate &= accepted[..., None]

    row = np.arange(len(images))[:, None] * len(nearest)
    pairs = np.concatenate([(row + neighbours)[is_neighbour], (row[..., None] + candidates)[is_candidate]])
    return np.divmod(np.unique(pairs), len(nearest))


def reciprocal_vectors(features, k1: int, k2: int, processes: Processes = ALONE) -> sparse.csr_array:
    """Each image as weights of its expanded reciprocal neighbours, then averaged over its k2 nearest images.

    Weights are exp(-squared distance), normalised to sum 1. Memory grows with N times the neighbours, not with N squared.

    Args:
        features: (N, D) float32, NumPy.
        k1: each image's neighbours, itself among them. (The host's slices say k1 + 1, but its search returns k1.)
        k2: how many of these neighbours are averaged.
        processes: those that share the images; each gets all vectors.
    Returns: (N, N) float32.
    Raises: InputError: k1 or k2 do not fit the number of images, or a feature is not finite.
    """
    if not 1 <= k2 <= k1 <= len(features):
        raise InputError(
            f"re-ranking needs 1 <= TEST.RERANK.K2 <= TEST.RERANK.K1 <= images of query and gallery, got K2 {k2}, "
            f"K1 {k1} and {len(features)} images: lower K1 and K2, or set TEST.RERANK.ENABLED False"
        )
    if not np.isfinite(features).all():
        raise InputError(f"re-ranking got features that are NaN or infinite; {DIVERGED}")
    nearest = nearest_images(features, k1, processes)
    reciprocal = are_reciprocal(nearest, processes)
    half_nearest = np.ascontiguousarray(nearest[:, : round(k1 / 2) + 1])
    half_reciprocal = are_reciprocal(half_nearest, processes)
    squares = (features**2).sum(axis=1)

    def of_chunk(images):
        """Weights and neighbours of some images, one image after the other, and how many each has."""
        rows, others = expanded_neighbours(images, nearest, reciprocal, half_nearest, half_reciprocal)
        own = images[rows]
        distances = squares[own] + squares[others] - 2 * np.einsum("nd,nd->n", features[own], features[others])
        nearer = np.full(len(images), np.inf, dtype=np.float32)
        np.minimum.at(nearer, rows, distances)
        raw = np.exp(nearer[rows] - distances)
        weights = raw / np.bincount(rows, raw, minlength=len(images)).astype(np.float32)[rows]
        return weights, others, np.bincount(rows, minlength=len(images))

    parts = processes.together(lambda: [of_chunk(images) for images in processes.own(chunks(len(features)))])
    weights, members, lengths = zip(*parts, strict=True)
    ends = np.concatenate([[0], np.cumsum(np.concatenate(lengths))])
    shape = len(features), len(features)
    vectors = sparse.csr_array((np.concatenate(weights), np.concatenate(members), ends), shape=shape)
    if k2 == 1:
        return vectors
    averaged = np.ascontiguousarray(nearest[:, :k2]).ravel()
    ones = np.ones(len(averaged), dtype=np.float32)
    return sparse.csr_array((ones, averaged, np.arange(0, len(averaged) + 1, k2)), shape=shape) @ vectors / k2
