import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest

from dcac_fastreid.deploy.search.calibration import _fit, _held_out, calibrate
from dcac_fastreid.deploy.search.known_people import KnownPeople
from dcac_fastreid.deploy.search.pair_counts import CENTERS, PairCounts
from dcac_fastreid.errors import InputError

ENCODER = {"checkpoint": "a.pth", "sha256": "ab"}
MEANS, DEVIATION = (0.2, 0.5), 0.1  # of pairs of two people, and of one


def gaussian_counts(mean: float, pairs: float = 1e7) -> np.ndarray:
    density = np.exp(-0.5 * ((CENTERS - mean) / DEVIATION) ** 2)
    return np.round(density / density.sum() * pairs).astype(int)


def known_people(identities: int = 30, images: int = 6, noise: float = 0.5, cameras_known: bool = True):
    """People in places of their own, and features around a centre of each."""
    generator = np.random.default_rng(0)
    numbers = np.repeat(np.arange(identities), images)
    features = generator.normal(size=(identities, 16))[numbers] + noise * generator.normal(size=(len(numbers), 16))
    features = (features / np.linalg.norm(features, axis=1, keepdims=True)).astype(np.float32)
    places = np.tile(np.arange(images), identities)
    paths = [Path(f"{number}.jpg") for number in range(len(numbers))]
    return KnownPeople("ours", paths, numbers, places, cameras_known), features


def test_the_fit_is_the_likelihood_ratio_of_two_gaussians():
    """Known in closed form: ln(ratio) = (s - m) d / v, with m the middle of the means and d their distance."""
    slope, intercept = _fit(gaussian_counts(MEANS[1]), gaussian_counts(MEANS[0]))
    expected = (MEANS[1] - MEANS[0]) / DEVIATION**2
    assert slope == pytest.approx(expected, rel=0.01)
    assert intercept == pytest.approx(-expected * sum(MEANS) / 2, rel=0.01)


def test_the_fit_does_not_depend_on_how_many_pairs_of_each_kind_there_are():
    few, many = (_fit(gaussian_counts(0.5, pairs), gaussian_counts(0.2)) for pairs in (1e5, 1e7))
    assert few == pytest.approx(many, rel=0.02)


def test_the_probability_is_bayes_rule(calibration):
    many = {**calibration.validation, "genuine_pairs": 10**9, "impostor_pairs": 10**9}
    known = dataclasses.replace(calibration, validation=many)
    ratio = math.exp(10 * 0.55 - 4)
    assert known.probability(0.55, 0.5) == pytest.approx(ratio / (1 + ratio))
    assert known.probability(0.55, 0.01) == pytest.approx(ratio * 0.01 / (ratio * 0.01 + 0.99))
    assert known.probability(0.4, 0.3) == pytest.approx(0.3), "where both are equally likely, nothing is learned"


def test_no_similarity_proves_more_than_the_pairs_can_show(calibration):
    known = dataclasses.replace(calibration, slope=1000.0)
    assert known.log_likelihood_ratio([1.0, -1.0]) == pytest.approx([math.log(1000), -math.log(100)])


def test_the_errors_of_well_calibrated_features_are_those_of_theory():
    """Two halves alike: the gap is none, the rate is the stated one, and the Brier score that of the overlap."""
    genuine, impostor = gaussian_counts(MEANS[1]), gaussian_counts(MEANS[0])
    errors = _held_out(PairCounts(np.stack([genuine] * 2), np.stack([impostor] * 3), np.zeros(0)), 0.01)
    g, i = genuine / genuine.sum() / 2, impostor / impostor.sum() / 2
    assert errors["calibration_error"] < 0.002
    assert errors["false_match_rate"] == pytest.approx(0.01, abs=1e-4)
    assert errors["brier_score"] == pytest.approx((g * i / (g + i + 1e-12)).sum(), rel=0.01)


def test_people_held_out_tell_what_the_made_up_half_hides():
    """The second half's pairs of two people are more alike: by the first half's threshold, many more than stated match."""
    impostor = np.stack([gaussian_counts(0.2), gaussian_counts(0.4), gaussian_counts(0.3)])
    errors = _held_out(PairCounts(np.stack([gaussian_counts(0.5)] * 2), impostor, np.zeros(0)), 0.01)
    assert errors["false_match_rate"] > 0.1 and errors["calibration_error"] > 0.05


def test_the_stated_rate_is_kept_on_the_pairs_themselves():
    people, features = known_people()
    made = calibrate(people, features, ENCODER, 0.01)
    similarity, same = features @ features.T, people.identities[:, None] == people.identities
    upper = np.triu(np.ones(same.shape, bool), k=1)
    reached = similarity >= made.threshold
    assert 0.008 < reached[upper & ~same].mean() <= 0.01
    assert reached[upper & same].mean() == pytest.approx(made.true_match_rate, abs=0.005)
    assert made.validation["impostor_pairs"] == (upper & ~same).sum() and made.validation["genuine_pairs"] == 30 * 15
    assert made.slope > 0 and made.encoder == ENCODER
    assert made.false_searches == pytest.approx((reached & ~same).any(axis=1).mean(), abs=0.01)
    assert 0.1 < made.false_searches < 1 - 0.99**174, "fewer than if comparisons were independent"
    (other,) = made.other_rates  # of 15,660 pairs, 0.001 cannot be told
    assert other["false_match_rate"] == 0.1 and 0.095 < (similarity >= other["threshold"])[upper & ~same].mean() <= 0.1
    assert other["true_match_rate"] > made.true_match_rate


def test_the_default_rate_gives_way_to_the_smallest_that_the_pairs_can_tell():
    people, features = known_people(identities=10, images=3)
    made = calibrate(people, features, ENCODER)
    assert (made.asked_rate, made.false_match_rate) == (0.001, 0.075) and made.threshold < 1
    assert calibrate(*known_people(identities=45), ENCODER).false_match_rate == 0.001


def test_features_that_say_nothing_are_refused():
    people, _ = known_people()
    same_for_all = np.zeros((len(people.paths), 4), np.float32)
    same_for_all[:, 0] = 1
    with pytest.raises(InputError, match="images of one person in ours are not more alike"):
        calibrate(people, same_for_all, ENCODER, 0.1)


def test_false_matches_of_a_search(calibration):
    mean, one_or_more = calibration.expected_false_matches(50)
    assert mean == pytest.approx(0.5) and one_or_more == pytest.approx(1 - 0.99**50)


def test_features_that_are_not_finite_are_refused():
    people, features = known_people()
    for wrong in (np.nan, np.inf):
        spoilt = features.copy()
        spoilt[7, 3] = wrong
        with pytest.raises(InputError, match="^a.pth gives features of ours that are no finite numbers"):
            calibrate(people, spoilt, ENCODER, 0.1)
