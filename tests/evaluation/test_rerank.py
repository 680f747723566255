"""Sparse re-ranking against the host's dense one. N query and gallery images together, the first 40 are queries."""

import faiss
import numpy as np
import pytest
import torch

from dcac_fastreid.compat.distances import host_jaccard_distance
from dcac_fastreid.distributed.shared_work import ALONE
from dcac_fastreid.errors import InputError
from dcac_fastreid.evaluation.distances import FeatureDistances
from dcac_fastreid.evaluation.reciprocal import SHORTEST, nearest_images, reciprocal_vectors
from dcac_fastreid.evaluation.rerank import RerankedDistances


def crowds(images, seed=0):
    """Features of identities with 12 images each, unnormalised; 30 of them are copies of the first."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(images // 12 + 1, 16, generator=generator)
    features = centres[torch.arange(images) % len(centres)] + torch.randn(images, 16, generator=generator) / 2
    features[100:130] = features[0]
    return features


def reranked(features, metric, k1, k2, weight, memory_limit):
    distances = FeatureDistances(features[:40], features[40:], metric, memory_limit=memory_limit)
    return np.concatenate([block.copy() for _, block in RerankedDistances(distances, k1, k2, weight)])


@pytest.mark.filterwarnings("ignore:.*addmm_")
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("k1, k2, weight", [(20, 6, 0.3), (9, 3, 0.0), (5, 1, 0.5), (1, 1, 0.3)])
def test_equals_the_host(host_distances, metric, k1, k2, weight):
    features = crowds(300)
    host_features = torch.nn.functional.normalize(features) if metric == "cosine" else features
    jaccard = host_jaccard_distance(host_features, k1, k2, search_option=3)[:40, 40:]
    expected = jaccard * (1 - weight) + host_distances[metric](features[:40], features[40:]) * weight
    for memory_limit in (1, 2 * 4 * 260 * 7, 2**30):
        ours = reranked(features, metric, k1, k2, weight, memory_limit)
        np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=2e-6)


def test_features_that_are_all_alike_equal_the_hosts():
    """From the 20th on, no image is among its own neighbours: it has no reciprocal one at all."""
    features = torch.ones(600, 8)
    expected = host_jaccard_distance(features, search_option=3)[:40, 40:]
    np.testing.assert_allclose(reranked(features, "euclidean", 20, 6, 0.0, 2**20), expected, atol=1e-6)


def test_vectors_grow_with_the_images_not_with_their_square():
    entries = [reciprocal_vectors(crowds(images).numpy(), 20, 6).nnz / images for images in (600, 1200, 2400)]
    assert max(entries) < 2 * min(entries) < 100


@pytest.mark.parametrize("k1, k2", [(20, 6), (6, 0), (5, 6)])
def test_numbers_of_neighbours_that_do_not_fit_are_refused(k1, k2):
    with pytest.raises(InputError, match=f"K2 {k2}, K1 {k1} and 6 images: lower"):
        reciprocal_vectors(np.eye(6, dtype=np.float32), k1, k2)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_features_that_are_not_finite_are_refused(value):
    features = crowds(150)
    features[60, 3] = value
    with pytest.raises(InputError, match="NaN or infinite; has the training diverged"):
        reranked(features, "euclidean", 20, 6, 0.3, 2**20)


def test_searches_for_some_images_each_find_what_one_search_finds():
    """128 wide: from 1,000 images on, faiss multiplies matrices."""
    features = np.random.default_rng(0).standard_normal((2 * SHORTEST + 100, 128), dtype=np.float32)
    index = faiss.IndexFlatL2(features.shape[1])
    index.add(features)
    np.testing.assert_array_equal(nearest_images(features, 20, ALONE), index.search(features, 20)[1])
