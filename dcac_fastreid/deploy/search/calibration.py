"""From a similarity to "the same person?": a threshold at a stated false-match rate, and a probability.

Rates are per comparison of two images, not per search; of searches see expected_false_matches and false_searches.
"""

import math
from dataclasses import dataclass
from typing import Annotated, TypedDict

import numpy as np

from dcac_fastreid.deploy.encoder import Identity
from dcac_fastreid.deploy.schema import Count, Must, Share
from dcac_fastreid.deploy.search.known_people import KnownPeople
from dcac_fastreid.deploy.search.pair_counts import (
    CENTERS,
    STEPS,
    PairCounts,
    count_pairs,
    halves_of,
    lowest_step,
    share_from,
)
from dcac_fastreid.deploy.search.rate_curve import RateCurve, rate_curve
from dcac_fastreid.deploy.search.stated_rate import DEFAULT_RATE, can_tell, check_people
from dcac_fastreid.errors import InputError

RATES = (0.1, 0.01, 0.001, 0.0001)  # false-match rates that are told besides the stated one
BINS = 10  # of the calibration error

Rate = Annotated[float, Must("a number above 0 and below 1", lambda rate: 0 < rate < 1)]
Threshold = Annotated[float, Must("a similarity, -1 to 1", lambda similarity: -1 <= similarity <= 1)]
Pairs = Annotated[int, Must("a whole number from 1 to 2^63", lambda number: 0 < number < 2**63)]


class Validation(TypedDict):
    """The images of known people that were calibrated on."""

    name: str
    persons: Count
    pictures: Count
    cameras_known: bool
    genuine_pairs: Pairs
    impostor_pairs: Pairs


class OperatingPoint(TypedDict):
    false_match_rate: Rate
    threshold: Threshold
    true_match_rate: Share


class HeldOut(TypedDict):
    """Of people whom threshold and slope were not made from, the mean of two halves."""

    false_match_rate: Share
    true_match_rate: Share
    brier_score: Share
    calibration_error: Share


@dataclass(frozen=True)
class CalibrationOfVersion1:
    """What a similarity s of two images means, by one encoder, for images like those of a validation set.

    encoder: its identity.
    asked_rate: the false-match rate that was asked for, or the default. false_match_rate: the one that is stated.
    threshold: from here on at most this share of the pairs of two people lies.
    true_match_rate: the share of the pairs of one person that lies there.
    other_rates: false_match_rate, threshold and true_match_rate of those of RATES that the pairs can tell.
    slope, intercept: of ln(likelihood ratio) = slope * s + intercept.
    false_searches: the share of the validation images that reach it with one or more of the images of all other people.
    """

    encoder: Identity
    validation: Validation
    asked_rate: Rate
    false_match_rate: Rate
    threshold: Threshold
    true_match_rate: Share
    other_rates: list[OperatingPoint]
    slope: Annotated[float, Must("a number above 0", lambda slope: slope > 0)]
    intercept: float
    held_out: HeldOut
    false_searches: Share


@dataclass(frozen=True)
class Calibration(CalibrationOfVersion1):
    """Version 2. rates: above every threshold; None of a calibration of version 1."""

    rates: RateCurve | None = None

    def log_likelihood_ratio(self, similarity: np.ndarray) -> np.ndarray:
        """ln of how many times likelier it is in a pair of one person than in a pair of two.

        Never more than the numbers of pairs can show: of a thousand pairs of two people, none can tell that such a similarity
        is rarer than one in a thousand.
        """
        lowest, highest = (
            -math.log(self.validation["genuine_pairs"] + 1),
            math.log(self.validation["impostor_pairs"] + 1),
        )
        return np.clip(self.slope * np.asarray(similarity, dtype=np.float64) + self.intercept, lowest, highest)

    def probability(self, similarity: np.ndarray, prior: float) -> np.ndarray:
        """That both images show one person, if `prior`, in (0, 1), is the probability before they were compared."""
        return _sigmoid(self.log_likelihood_ratio(similarity) + math.log(prior / (1 - prior)))

    def expected_false_matches(self, gallery: int) -> tuple[float, float]:
        """In a search of so many photos for somebody who is on none: the mean number of false matches, and the probability
        of one or more if comparisons were independent. They are not, as they share an image: it is one or more less often."""
        return gallery * self.false_match_rate, 1 - (1 - self.false_match_rate) ** gallery


def calibrate(
    people: KnownPeople, features: np.ndarray, encoder: Identity, false_match_rate: float | None = None
) -> Calibration:
    """Counts all pairs of known people, sets the threshold and fits the probability.

    Args: features: (n, D), rows of length 1, of `people.paths`. encoder: its identity. false_match_rate: as `check_people`.
    Raises: InputError: as `check_people`, or features that do not tell people apart or are not finite.
    """
    asked_rate = DEFAULT_RATE if false_match_rate is None else false_match_rate
    false_match_rate = check_people(people, false_match_rate)
    if not np.isfinite(features).all():
        raise InputError(
            f"{encoder['checkpoint']} gives features of {people.name} that are no finite numbers; take an earlier checkpoint"
        )
    halves = halves_of(people.identities, people.places)
    counts = count_pairs(features, people.identities, people.places, halves)
    genuine, impostor = counts.genuine.sum(axis=0), counts.impostor.sum(axis=0)
    slope, intercept = _fit(genuine, impostor)
    if slope <= 0:
        raise InputError(
            f"by this checkpoint, images of one person in {people.name} are not more alike than images of two; nothing can "
            "be calibrated: is it trained, and are the images sorted by person?"
        )
    return Calibration(
        encoder=encoder,
        validation={
            "name": people.name,
            "persons": len(np.unique(people.identities)),
            "pictures": len(people.paths),
            "cameras_known": people.cameras_known,
            "genuine_pairs": int(genuine.sum()),
            "impostor_pairs": int(impostor.sum()),
        },
        asked_rate=asked_rate,
        **_operating_point(genuine, impostor, false_match_rate),
        other_rates=[
            _operating_point(genuine, impostor, rate)
            for rate in RATES
            if rate != false_match_rate and can_tell(rate, int(impostor.sum()))
        ],
        slope=slope,
        intercept=intercept,
        held_out=_held_out(counts, false_match_rate),
        false_searches=float((counts.nearest_stranger >= lowest_step(impostor, false_match_rate)).mean()),
        rates=rate_curve(genuine, impostor),
    )


def _operating_point(genuine: np.ndarray, impostor: np.ndarray, rate: float) -> OperatingPoint:
    step = lowest_step(impostor, rate)
    threshold = round(step * 2 / STEPS - 1, 6)
    return {"false_match_rate": rate, "threshold": threshold, "true_match_rate": share_from(genuine, step)}


def _fit(genuine: np.ndarray, impostor: np.ndarray) -> tuple[float, float]:
    """Platt's logistic regression on the similarity, both kinds of pairs with the same weight: so its logit is ln(likelihood
    ratio), and a prior can be added to it.

    On held-out people of three synthetic domains, with two trained encoders, polynomials, the inverse hyperbolic tangent and
    isotonic regression were no better.
    """
    from sklearn.linear_model import LogisticRegression  # late: it takes a second

    of_genuine, of_impostor = np.flatnonzero(genuine), np.flatnonzero(impostor)
    similarity = CENTERS[np.concatenate([of_genuine, of_impostor])]
    weight = np.concatenate([genuine[of_genuine] / genuine.sum(), impostor[of_impostor] / impostor.sum()])
    is_genuine = np.arange(len(weight)) < len(of_genuine)
    # C: next to no penalty, but enough that the slope is finite where the two kinds do not overlap.
    model = LogisticRegression(C=1e6, solver="newton-cholesky", tol=1e-8)
    model.fit(similarity[:, None], is_genuine, sample_weight=weight)
    return float(model.coef_[0, 0]), float(model.intercept_[0])


def _held_out(counts: PairCounts, rate: float) -> HeldOut:
    """Each half of the people by the threshold and the probability of the other; the mean of both.

    The errors are of the probability at a prior of 1/2, both kinds of pairs having the same weight: the Brier score (0 is
    perfect, 0.25 what a constant 1/2 has), and the mean gap between the probability said and the share that it came true.
    """
    found = []
    for made_from, tested in ((0, 1), (1, 0)):
        slope, intercept = _fit(counts.genuine[made_from], counts.impostor[made_from])
        step = lowest_step(counts.impostor[made_from], rate)
        genuine, impostor = counts.genuine[tested], counts.impostor[tested]
        said = _sigmoid(slope * CENTERS + intercept)
        genuine_share, impostor_share = genuine / genuine.sum() / 2, impostor / impostor.sum() / 2
        bins = np.minimum((said * BINS).astype(int), BINS - 1)
        gaps = np.bincount(bins, weights=said * (genuine_share + impostor_share) - genuine_share, minlength=BINS)
        found.append(
            {
                "false_match_rate": share_from(impostor, step),
                "true_match_rate": share_from(genuine, step),
                "brier_score": float(genuine_share @ (1 - said) ** 2 + impostor_share @ said**2),
                "calibration_error": float(np.abs(gaps).sum()),
            }
        )
    return {name: (found[0][name] + found[1][name]) / 2 for name in found[0]}


def _sigmoid(logit: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(logit / 2))  # does not overflow
