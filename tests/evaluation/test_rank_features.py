"""Ranking of features against the host's, with a stable sort. D feature width."""

import numpy as np
import pytest
import torch

from dcac_fastreid.errors import InputError
from dcac_fastreid.evaluation import rank_features
from fastreid.evaluation.rank import eval_market1501

ONE_QUERY = 1  # the memory limit at which a block is one query


def random_case(seed):
    """Features of D = 4 numbers, all 1 or all 2 but for the sign: distances are exact however they are summed, and tied."""
    generator = np.random.default_rng(seed)
    query, gallery = (
        torch.tensor(generator.choice([-1.0, 1.0], (images, 4)) * generator.integers(1, 3, (images, 1))).float()
        for images in (40, 120)
    )
    labels = [generator.integers(0, values, images) for values in (9, 4) for images in (40, 120)]
    return (query, gallery), labels


@pytest.mark.filterwarnings("ignore:.*addmm_")
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("seed", range(10))
def test_equals_the_host_with_ties_and_junk(monkeypatch, host_distances, metric, seed):
    features, labels = random_case(seed)
    argsort = np.argsort
    with monkeypatch.context() as patch:
        patch.setattr(np, "argsort", lambda values, axis=-1: argsort(values, axis=axis, kind="stable"))
        host_cmc, host_ap, host_inp = eval_market1501(host_distances[metric](*features), *labels, 50)
    for limit in (ONE_QUERY, 2 * 4 * 120 * 7, 2**30):
        cmc, ap, inp = rank_features(*features, *labels, metric=metric, memory_limit=limit)
        np.testing.assert_array_equal(cmc, host_cmc)
        np.testing.assert_array_equal(inp, host_inp)
        np.testing.assert_allclose(ap, host_ap, rtol=0, atol=1e-12)


def test_takes_numpy_features_and_any_length_of_the_cmc():
    (query, gallery), labels = random_case(0)
    cmc, ap, _ = rank_features(query.numpy(), gallery.numpy(), *labels, max_rank=5)
    assert cmc.shape == (5,)
    np.testing.assert_array_equal(ap, rank_features(query, gallery, *labels)[1])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_feature_that_is_not_finite_is_refused(value):
    (query, gallery), labels = random_case(0)
    query[7, 2] = value
    with pytest.raises(InputError, match="query 7 has a distance that is NaN or infinite"):
        rank_features(query, gallery, *labels, memory_limit=ONE_QUERY)


def test_features_whose_distances_overflow_are_refused():
    (query, gallery), labels = random_case(0)
    with pytest.raises(InputError, match="query 0 has a distance that is NaN or infinite"):
        rank_features(query * 1e20, gallery * 1e20, *labels, metric="euclidean")


def test_labels_of_other_features_are_refused():
    (query, gallery), labels = random_case(0)
    with pytest.raises(ValueError, match=r"30 query and 120 gallery features, expected \(40, 120\)"):
        rank_features(query[:30], gallery, *labels)
