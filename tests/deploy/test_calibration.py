import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest

from dcac_fastreid.deploy.calibration import (
    Calibration,
    _fit,
    _held_out,
    calibrate,
    read_calibration,
    write_calibration,
)
from dcac_fastreid.deploy.known_people import KnownPeople
from dcac_fastreid.deploy.pair_counts import CENTERS, PairCounts
from dcac_fastreid.errors import InputError

ENCODER = {"checkpoint": "a.pth", "sha256": "ab"}
MEANS, DEVIATION = (0.2, 0.5), 0.1  # of pairs of two persons, and of one


def gaussian_counts(mean: float, pairs: float = 1e7) -> np.ndarray:
    density = np.exp(-0.5 * ((CENTERS - mean) / DEVIATION) ** 2)
    return np.round(density / density.sum() * pairs).astype(int)


def known_people(persons: int = 30, pictures: int = 6, noise: float = 0.5, cameras_known: bool = True):
    """Persons in places of their own, and features around a centre of each."""
    generator = np.random.default_rng(0)
    numbers = np.repeat(np.arange(persons), pictures)
    features = generator.normal(size=(persons, 16))[numbers] + noise * generator.normal(size=(len(numbers), 16))
    features = (features / np.linalg.norm(features, axis=1, keepdims=True)).astype(np.float32)
    places = np.tile(np.arange(pictures), persons)
    paths = [Path(f"{number}.jpg") for number in range(len(numbers))]
    return KnownPeople("ours", paths, numbers, places, cameras_known), features


def calibration(**changes) -> Calibration:
    made = Calibration(ENCODER, {"genuine_pairs": 99, "impostor_pairs": 999}, 0.01, 0.4, 0.8, [], 10.0, -4.0, {}, 0.5)
    return dataclasses.replace(made, **changes)


def test_the_fit_is_the_likelihood_ratio_of_two_gaussians():
    """Known in closed form: ln(ratio) = (s - m) d / v, with m the middle of the means and d their distance."""
    slope, intercept = _fit(gaussian_counts(MEANS[1]), gaussian_counts(MEANS[0]))
    expected = (MEANS[1] - MEANS[0]) / DEVIATION**2
    assert slope == pytest.approx(expected, rel=0.01)
    assert intercept == pytest.approx(-expected * sum(MEANS) / 2, rel=0.01)


def test_the_fit_does_not_depend_on_how_many_pairs_of_each_kind_there_are():
    few, many = (_fit(gaussian_counts(0.5, pairs), gaussian_counts(0.2)) for pairs in (1e5, 1e7))
    assert few == pytest.approx(many, rel=0.02)


def test_the_probability_is_bayes_rule():
    known = calibration(validation={"genuine_pairs": 10**9, "impostor_pairs": 10**9})
    ratio = math.exp(10 * 0.55 - 4)
    assert known.probability(0.55, 0.5) == pytest.approx(ratio / (1 + ratio))
    assert known.probability(0.55, 0.01) == pytest.approx(ratio * 0.01 / (ratio * 0.01 + 0.99))
    assert known.probability(0.4, 0.3) == pytest.approx(0.3), "where both are equally likely, nothing is learned"


def test_no_similarity_proves_more_than_the_pairs_can_show():
    known = calibration(slope=1000.0)
    assert known.log_likelihood_ratio([1.0, -1.0]) == pytest.approx([math.log(1000), -math.log(100)])


def test_the_errors_of_well_calibrated_features_are_those_of_theory():
    """Two halves alike: the gap is none, the rate is the stated one, and the Brier score that of the overlap."""
    genuine, impostor = gaussian_counts(MEANS[1]), gaussian_counts(MEANS[0])
    errors = _held_out(PairCounts(np.stack([genuine] * 2), np.stack([impostor] * 3), np.zeros(0)), 0.01)
    g, i = genuine / genuine.sum() / 2, impostor / impostor.sum() / 2
    assert errors["calibration_error"] < 0.002
    assert errors["false_match_rate"] == pytest.approx(0.01, abs=1e-4)
    assert errors["brier_score"] == pytest.approx((g * i / (g + i + 1e-12)).sum(), rel=0.01)


def test_persons_held_out_tell_what_the_made_up_half_hides():
    """The second half's pairs of two persons are more alike: by the first half's threshold, many more than stated match."""
    impostor = np.stack([gaussian_counts(0.2), gaussian_counts(0.4), gaussian_counts(0.3)])
    errors = _held_out(PairCounts(np.stack([gaussian_counts(0.5)] * 2), impostor, np.zeros(0)), 0.01)
    assert errors["false_match_rate"] > 0.1 and errors["calibration_error"] > 0.05


def test_the_stated_rate_is_kept_on_the_pairs_themselves():
    people, features = known_people()
    made = calibrate(people, features, ENCODER, 0.01)
    similarity, same = features @ features.T, people.persons[:, None] == people.persons
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


def test_too_few_pairs_name_a_rate_that_they_can_state():
    people, features = known_people(persons=10, pictures=3)
    with pytest.raises(
        InputError, match="0.001 cannot be told from 405 pairs .* needs 30,000.*state 0.075 or more"
    ) as error:
        calibrate(people, features, ENCODER, 0.001)
    assert "\n" not in str(error.value)
    assert calibrate(people, features, ENCODER, 0.075).threshold < 1


@pytest.mark.parametrize(
    ("people", "rate", "sentence"),
    [
        (known_people(), 0.0, "the false-match rate is 0; expected a share above 0 and below 1"),
        (known_people(), 1.5, "the false-match rate is 1.5"),
        (known_people(persons=3), 0.5, "ours has 3 persons with two pictures by different cameras, .* needs 4"),
        (
            known_people(pictures=1, cameras_known=False),
            0.5,
            "ours has 0 persons with two pictures that are no near-dup",
        ),
        (known_people(persons=4, pictures=2), 0.9, "cannot be told from 24 pairs .*add persons$"),
    ],
)
def test_what_cannot_be_calibrated_is_one_sentence(people, rate, sentence):
    with pytest.raises(InputError, match=f"^[^\n]*{sentence}"):
        calibrate(*people, ENCODER, rate)


def test_features_that_say_nothing_are_refused():
    people, _ = known_people()
    same_for_all = np.zeros((len(people.paths), 4), np.float32)
    same_for_all[:, 0] = 1
    with pytest.raises(InputError, match="pictures of one person in ours are not more alike"):
        calibrate(people, same_for_all, ENCODER, 0.1)


def test_false_matches_of_a_search():
    mean, one_or_more = calibration(false_match_rate=0.01).expected_false_matches(50)
    assert mean == pytest.approx(0.5) and one_or_more == pytest.approx(1 - 0.99**50)


def test_what_is_written_is_read(tmp_path):
    assert read_calibration(tmp_path) is None
    made = calibrate(*known_people(), ENCODER, 0.01)
    assert read_calibration(write_calibration(made, tmp_path).parent) == made
    (tmp_path / "calibration.json").write_text('{"threshold": 1}')
    with pytest.raises(InputError, match="calibration.json is no calibration"):
        read_calibration(tmp_path)
