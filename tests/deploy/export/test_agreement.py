import math

import pytest
import torch

from dcac_fastreid.deploy.export.agreement import LEAST_COSINE, LEAST_SPAN, TIE, compare, span


def at(*degrees: float) -> torch.Tensor:
    """Features in the plane."""
    angles = torch.tensor(degrees, dtype=torch.float64).deg2rad()
    return torch.stack([angles.cos(), angles.sin()], dim=1)


def test_the_same_features_agree():
    agreement = compare(3 * at(0, 10, 30, 70), at(0, 10, 30, 70))
    assert agreement.agrees and agreement.least_cosine == pytest.approx(1)
    assert agreement[0] == agreement.same_first == agreement.same_ranking == 4 and agreement.worst_swap == 0


def test_a_feature_that_turned_does_not():
    """One of four by 2 degrees, which no ranking shows."""
    agreement = compare(at(0, 10, 30, 70), at(0, 10, 30, 72))
    assert agreement.same_ranking == 4 and agreement.worst_swap == 0
    assert agreement.least_cosine == pytest.approx(math.cos(math.radians(2))) and agreement.least_cosine < LEAST_COSINE
    assert not agreement.agrees


def test_a_feature_of_another_length_does_not():
    """The export promises length 1: who uses it takes dot products."""
    agreement = compare(at(0, 10, 30), at(0, 10, 30) * torch.tensor([[1.0], [1.01], [1.0]]))
    assert agreement.least_cosine == pytest.approx(1) and agreement.length_error == pytest.approx(0.01)
    assert not agreement.agrees


def test_a_ranking_that_turned_does_not():
    """The image at 0 degrees has its neighbours at 20.2 and 19.8; PyTorch had them at 19.8 and 20.2."""
    agreement = compare(at(0, 19.8, -20.2, 90), at(0, 20.2, -19.8, 90))
    assert agreement.least_cosine > LEAST_COSINE
    assert agreement.worst_swap == pytest.approx(math.cos(math.radians(19.8)) - math.cos(math.radians(20.2)))
    assert agreement.worst_swap > TIE and not agreement.agrees
    assert agreement.same_first == 3 and agreement.same_ranking == 3


def test_a_tie_may_be_broken_either_way():
    agreement = compare(at(0, 20, -20.001, 90), at(0, 20.001, -20, 90))
    assert 0 < agreement.worst_swap < TIE and agreement.same_first == 3
    assert agreement.agrees


def test_the_worst_swap_is_found_over_the_whole_ranking():
    """For the image at 0 degrees the export ranks 40, 20, 30, 10: the first and the last similarity count."""
    agreement = compare(at(0, 10, 20, 30, 40), at(0, 50, 20, 30, 5))
    first, last = math.cos(math.radians(10)), math.cos(math.radians(40))
    assert agreement.worst_swap == pytest.approx(first - last)


def test_what_is_no_number_does_not_agree():
    broken = at(0, 10, 30)
    broken[1] = math.nan
    assert not compare(at(0, 10, 30), broken).agrees


def test_the_span_is_over_different_images():
    assert span(at(0, 60, 90)) == pytest.approx(math.cos(math.radians(30)))
    assert span(at(5, 5, 5)) < LEAST_SPAN
