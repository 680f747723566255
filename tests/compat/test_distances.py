"""Distance matrices of scripts, on any device. N images, D 8."""

import warnings

import faiss
import numpy as np
import pytest
import torch

from dcac_fastreid.compat import distances
from dcac_fastreid.errors import InputError
from fastreid.utils import compute_dist

without_faiss_gpu = pytest.mark.skipif(
    hasattr(faiss, "StandardGpuResources") and torch.cuda.is_available(), reason="the host's search works here"
)


def random_features(images, seed=0):
    return torch.nn.functional.normalize(torch.randn(images, 8, generator=torch.Generator().manual_seed(seed)))


@pytest.mark.filterwarnings("ignore:.*addmm_")
def test_euclidean_distances_are_the_hosts():
    features, others = random_features(5), random_features(7, seed=1)
    host = distances.host_euclidean_distance(features, others)
    np.testing.assert_array_equal(compute_dist.build_dist(features, others, "euclidean"), host)


@pytest.fixture
def warn_always():
    torch.set_warn_always(True)  # else PyTorch shows each of its warnings once a process
    yield
    torch.set_warn_always(False)


def warnings_of_build_dist():
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        compute_dist.build_dist(random_features(2), random_features(2), "euclidean")
    return [str(warning.message) for warning in record]


def test_only_the_host_warns_of_a_deprecated_call(warn_always, monkeypatch):
    assert warnings_of_build_dist() == []
    monkeypatch.setattr(compute_dist, "compute_euclidean_distance", distances.host_euclidean_distance)
    assert "addmm_ is deprecated" in warnings_of_build_dist()[0]


def jaccard_by_definition(features, k1, k2):
    """Zhong et al., 2017, by plain loops, with k1 neighbours and exp(-squared distance) as the host has it."""
    features = features.double().numpy()
    squared = ((features[:, None] - features) ** 2).sum(-1)
    order = squared.argsort(axis=1, kind="stable")[:, :k1]

    def reciprocal(image, k):
        return {int(other) for other in order[image, :k] if image in order[other, :k]}

    weights = np.zeros_like(squared)
    for image in range(len(features)):
        neighbours = reciprocal(image, k1)
        expanded = set(neighbours)
        for other in neighbours:
            theirs = reciprocal(other, round(k1 / 2) + 1)
            if len(theirs & neighbours) > 2 / 3 * len(theirs):
                expanded |= theirs
        expanded = sorted(expanded)
        weights[image, expanded] = np.exp(-squared[image, expanded]) / np.exp(-squared[image, expanded]).sum()
    weights = np.stack([weights[order[image, :k2]].mean(axis=0) for image in range(len(features))])
    smaller = np.minimum(weights[:, None], weights).sum(-1)
    return 1 - smaller / np.maximum(weights[:, None], weights).sum(-1)


@pytest.mark.parametrize("k1, k2", [(20, 6), (8, 3), (10, 1), (30, 30)])
def test_jaccard_distances_are_those_of_the_definition(k1, k2):
    features = random_features(30)
    expected = jaccard_by_definition(features, k1, k2)
    distance = compute_dist.build_dist(features[:10], features[10:], "jaccard", k1=k1, k2=k2)
    np.testing.assert_allclose(distance, expected[:10, 10:], rtol=0, atol=1e-5)


@without_faiss_gpu
def test_host_cannot_build_jaccard_distances_here(monkeypatch):
    monkeypatch.setattr(compute_dist, "compute_jaccard_distance", distances.host_jaccard_distance)
    with pytest.raises((RuntimeError, AssertionError, AttributeError), match="NVIDIA|CUDA|StandardGpuResources"):
        compute_dist.build_dist(random_features(10), random_features(20), "jaccard", k1=20, k2=6)


def test_host_gives_wrong_distances_for_fewer_images_than_neighbours():
    """All six are neighbours of all: every image has the same neighbours, so all distances are 0 by definition."""
    features = random_features(6)
    np.testing.assert_allclose(jaccard_by_definition(features, 20, 6), 0, atol=1e-12)
    assert distances.host_jaccard_distance(features, 20, 6, search_option=3).min() > 0.1


@pytest.mark.parametrize("k1, k2", [(20, 6), (6, 0), (5, 6)])
def test_numbers_of_neighbours_that_do_not_fit_are_refused(k1, k2):
    with pytest.raises(InputError, match=f"K2 {k2}, K1 {k1} and 6 images: lower"):
        compute_dist.compute_jaccard_distance(random_features(6), k1, k2)
