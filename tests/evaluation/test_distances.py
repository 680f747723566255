"""Blocks of distances. Q 30 queries, G 50 gallery images."""

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from dcac_fastreid.errors import InputError
from dcac_fastreid.evaluation.distances import FeatureDistances


@pytest.fixture
def features():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(30, 16, generator=generator), torch.randn(50, 16, generator=generator)


def whole(blocks):
    return np.concatenate([block.copy() for _, block in blocks])


@pytest.mark.filterwarnings("ignore:.*addmm_")
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("memory_limit", [1, 2 * 4 * 50 * 7, 2**20])
def test_blocks_are_the_hosts_matrix(features, host_distances, metric, memory_limit):
    blocks = FeatureDistances(*features, metric, memory_limit=memory_limit)
    np.testing.assert_allclose(whole(blocks), host_distances[metric](*features), rtol=0, atol=1e-5)
    np.testing.assert_array_equal(whole(blocks), whole(blocks))


class Allocations(TorchDispatchMode):
    """Bytes of every tensor that an operation makes, by its address."""

    def __init__(self):
        super().__init__()
        self.made = {}

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        result = operation(*args, **kwargs or {})
        storage = result.untyped_storage()
        self.made[storage.data_ptr()] = storage.nbytes()
        return result


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_nothing_is_larger_than_half_the_memory_limit(metric):
    query, gallery = torch.rand(300, 32), torch.rand(2000, 32)
    limit = 4 * 2000 * 24
    with Allocations() as allocations:
        firsts = [first for first, _ in FeatureDistances(query, gallery, metric, memory_limit=limit)]
    assert firsts == list(range(0, 300, 12))
    made = [size for address, size in allocations.made.items() if address not in (query.data_ptr(), gallery.data_ptr())]
    assert max(made) == limit // 2


def test_features_are_left_as_they_were_and_need_no_gradient(features):
    query, gallery = (rows.clone().requires_grad_() for rows in features)
    whole(FeatureDistances(query, gallery))
    assert torch.equal(query, features[0]) and torch.equal(gallery, features[1])


def test_half_precision_features_are_measured_in_fp32(features):
    query, gallery = (rows.half() for rows in features)
    expected = whole(FeatureDistances(query.float(), gallery.float()))
    np.testing.assert_array_equal(whole(FeatureDistances(query, gallery)), expected)


def test_unknown_metric_is_refused(features):
    with pytest.raises(InputError, match="TEST.METRIC is 'jaccard', expected one of ..cosine', 'euclidean'"):
        FeatureDistances(*features, "jaccard")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_gpu_makes_the_same_distances(features, metric):
    on_gpu = whole(FeatureDistances(*features, metric, device="cuda"))
    np.testing.assert_allclose(on_gpu, whole(FeatureDistances(*features, metric)), rtol=0, atol=1e-4)
