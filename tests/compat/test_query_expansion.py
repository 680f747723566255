"""Query expansion on the CPU, on any number of images."""

import numpy as np
import pytest
import torch

from dcac_fastreid.errors import InputError
from fastreid.evaluation import query_expansion, reid_evaluation


def by_loops(features, neighbours, alpha):
    """Mean of the nearest images' features, each times its similarity to the power alpha."""
    unit = torch.nn.functional.normalize(features)
    expanded = []
    for similarities in (unit @ unit.T).tolist():
        nearest = sorted(range(len(features)), key=lambda image: -similarities[image])[:neighbours]
        expanded.append(sum(similarities[image] ** alpha * features[image] for image in nearest) / neighbours)
    return torch.stack(expanded)


# 3 gallery images with 3 neighbours: the query makes the fourth.
@pytest.mark.parametrize("images, neighbours", [(4, 3), (60, 5)])
def test_features_are_those_of_the_definition(images, neighbours):
    torch.manual_seed(0)
    features = torch.rand(images, 4)
    query, gallery = reid_evaluation.aqe(features[:1], features[1:], 1, neighbours, 2.5)
    assert (len(query), len(gallery)) == (1, images - 1)
    torch.testing.assert_close(torch.cat([query, gallery]), by_loops(features, neighbours, 2.5))


def test_as_many_neighbours_as_images_are_refused():
    features = torch.rand(5, 4)
    with pytest.raises(ValueError, match="out of bounds"):
        query_expansion.aqe(features[:1], features[1:], 1, 5, 3.0)
    with pytest.raises(InputError, match="got QE_K 5 and 5 images: lower QE_K"):
        reid_evaluation.aqe(features[:1], features[1:], 1, 5, 3.0)


@pytest.mark.filterwarnings("ignore:invalid value")
def test_power_that_makes_nan_of_a_negative_similarity_is_refused():
    features = torch.tensor([[1.0, 0.0], [-1.0, 0.1], [0.0, 1.0], [0.1, -1.0]])
    assert torch.cat(query_expansion.aqe(features[:1], features[1:], 1, 3, 2.5)).isnan().any()
    with pytest.raises(InputError, match="TEST.AQE.ALPHA 2.5 makes NaN"):
        reid_evaluation.aqe(features[:1], features[1:], 1, 3, 2.5)
    assert torch.cat(reid_evaluation.aqe(features[:1], features[1:], 1, 3, 3.0)).isfinite().all()


def test_features_that_were_nan_before_are_left_to_the_ranking():
    features = torch.full((4, 2), np.nan)
    assert reid_evaluation.aqe(features[:1], features[1:], 1, 2, 3.0)[0].isnan().all()
