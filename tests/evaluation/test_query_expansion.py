"""Query expansion in blocks, on any number of images."""

import numpy as np
import pytest
import torch

from dcac_fastreid.errors import InputError
from dcac_fastreid.evaluation.query_expansion import expand
from fastreid.evaluation import query_expansion


def by_loops(features, neighbours, alpha):
    """Mean of the nearest images' features, each times its similarity to the power alpha."""
    unit = torch.nn.functional.normalize(features)
    expanded = []
    for similarities in (unit @ unit.T).tolist():
        nearest = sorted(range(len(features)), key=lambda image: -similarities[image])[:neighbours]
        expanded.append(sum(similarities[image] ** alpha * features[image] for image in nearest) / neighbours)
    return torch.stack(expanded)


@pytest.mark.parametrize("images, neighbours", [(4, 3), (60, 5)])
def test_features_are_those_of_the_definition(images, neighbours):
    torch.manual_seed(0)
    features = torch.rand(images, 4)
    torch.testing.assert_close(expand(features, 1, neighbours, 2.5), by_loops(features, neighbours, 2.5))


@pytest.mark.parametrize("memory_limit", [1, 3000, 2**20])
@pytest.mark.parametrize("times", [1, 2])
def test_equals_the_host_in_blocks_of_any_size(times, memory_limit):
    torch.manual_seed(0)
    features = torch.randn(90, 16)
    host = torch.cat(query_expansion.aqe(features[:20], features[20:], times, 10, 3.0))
    torch.testing.assert_close(expand(features, times, 10, 3.0, memory_limit=memory_limit), host, rtol=1e-5, atol=1e-6)


def test_similarities_keep_the_memory_limit(monkeypatch):
    made = []
    mm = torch.mm
    monkeypatch.setattr(torch, "mm", lambda *args: made.append(mm(*args)) or made[-1])
    expand(torch.rand(400, 8), 1, 10, 3.0, memory_limit=100_000)
    assert len(made) > 1
    assert max(block.nbytes for block in made) <= 100_000


def test_as_many_neighbours_as_images_are_refused():
    features = torch.rand(5, 4)
    with pytest.raises(ValueError, match="out of bounds"):
        query_expansion.aqe(features[:1], features[1:], 1, 5, 3.0)
    with pytest.raises(InputError, match="got QE_K 5 and 5 images: lower QE_K"):
        expand(features, 1, 5, 3.0)


@pytest.mark.filterwarnings("ignore:invalid value")
def test_power_that_makes_nan_of_a_negative_similarity_is_refused():
    features = torch.tensor([[1.0, 0.0], [-1.0, 0.1], [0.0, 1.0], [0.1, -1.0]])
    assert torch.cat(query_expansion.aqe(features[:1], features[1:], 1, 3, 2.5)).isnan().any()
    with pytest.raises(InputError, match="TEST.AQE.ALPHA 2.5 makes NaN"):
        expand(features, 1, 3, 2.5)
    assert expand(features, 1, 3, 3.0).isfinite().all()


def test_features_that_were_nan_before_are_left_to_the_ranking():
    assert expand(torch.full((4, 2), np.nan), 1, 2, 3.0).isnan().all()
