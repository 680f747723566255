"""Re-ranking (TEST.RERANK): distances mixed with the Jaccard distances of k-reciprocal neighbours.

Q queries, G gallery images, N both together.
"""

from itertools import pairwise

import numpy as np
import torch
from scipy import sparse
from torch.nn.functional import normalize

from dcac_fastreid.distributed.shared_work import ALONE, Processes
from dcac_fastreid.evaluation.distances import FeatureDistances
from dcac_fastreid.evaluation.reciprocal import reciprocal_vectors


def jaccard_rows(vectors: sparse.csr_array, others: sparse.csc_array):
    """Jaccard distances of each vector to all others: 1 - sum of minima / sum of maxima; yields (G,) float32.

    Args:
        vectors: (any, N), non-negative rows that sum to 1.
        others: (G, N), the same by columns: for each neighbour, who has it.
    """
    for begin, end in pairwise(vectors.indptr):
        neighbours, weights = vectors.indices[begin:end], vectors.data[begin:end]
        begins, lengths = others.indptr[neighbours], np.diff(others.indptr)[neighbours]
        entries = np.arange(lengths.sum()) + np.repeat(begins - lengths.cumsum() + lengths, lengths)
        minima = np.minimum(np.repeat(weights, lengths), others.data[entries])
        shared = np.bincount(others.indices[entries], minima, minlength=others.shape[0]).astype(np.float32)
        yield np.maximum(1 - shared / (2 - shared), 0)


class RerankedDistances:
    """The host's mixture, Jaccard distance * (1 - weight) + distance * weight; iterates as FeatureDistances does.

    Args:
        distances: what is mixed in; the neighbours are those of its features, normalised where its metric is cosine.
        k1, k2: see reciprocal_vectors, also for what is raised.
        weight: of the distances, TEST.RERANK.LAMBDA.
        processes: those that share the search for neighbours, and the blocks of `distances`.
    """

    def __init__(self, distances: FeatureDistances, k1: int, k2: int, weight: float, processes: Processes = ALONE):
        self._distances, self._weight = distances, weight
        features = torch.cat([distances.query, distances.gallery])
        if distances.metric == "cosine":
            features = normalize(features)
        vectors = reciprocal_vectors(features.cpu().numpy(), k1, k2, processes)
        queries = len(distances.query)
        self._queries, self._gallery = vectors[:queries], vectors[queries:].tocsc()

    def __iter__(self):
        for first, block in self._distances:
            jaccard = jaccard_rows(self._queries[first : first + len(block)], self._gallery)
            for row, jaccard_row in zip(block, jaccard, strict=True):
                row *= self._weight
                row += jaccard_row * (1 - self._weight)
            yield first, block
