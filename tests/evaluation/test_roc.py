"""TPR@FPR against scikit-learn's curve over the host's scores. Positive are non-matches, as in the host."""

import numpy as np
import pytest
from sklearn.metrics import roc_curve

from dcac_fastreid.evaluation.matches import Matches
from dcac_fastreid.evaluation.roc import rejection_rates
from fastreid.evaluation.roc import evaluate_roc


def random_case(seed):
    """Distances with ties, junk, and matches that are nearer on average."""
    generator = np.random.default_rng(seed)
    labels = [generator.integers(0, values, images) for values in (6, 3) for images in (12, 90)]
    same_pid = labels[0][:, None] == labels[1]
    steps = generator.integers(5, 3000)
    distances = np.floor(steps * (generator.random((12, 90)) - same_pid * generator.random() * 0.7)) / steps
    return distances.astype(np.float32), labels


def highest_of_the_curve(distances, labels, rate):
    scores, is_non_match = evaluate_roc(distances, *labels)
    fprs, tprs, _ = roc_curve(is_non_match, scores, drop_intermediate=False)
    nearest = fprs[np.abs(fprs - rate).argmin()]
    return tprs[fprs == nearest].max()


@pytest.mark.parametrize("seed", range(40))
def test_equals_the_highest_points_of_the_whole_curve(seed):
    distances, labels = random_case(seed)
    rates = (1e-4, 1e-2, 0.1, 0.4, 1.0)
    blocks = [(first, distances[first : first + 5]) for first in range(0, 12, 5)]
    expected = [highest_of_the_curve(distances, labels, rate) for rate in rates]
    assert rejection_rates(blocks, Matches(*labels), rates) == pytest.approx(expected, abs=1e-12)


def test_nine_of_ten_others_are_rejected_with_no_match():
    distances = np.array([[0.2, 0.0, *9 * [1.0], 0.0]], dtype=np.float32)  # the match, others, one of its own camera
    matches = Matches([1], [1, *range(2, 12), 1], [0], [*11 * [1], 0])
    assert rejection_rates([(0, distances)], matches, (1e-4, 1e-2)) == [0.9, 0.9]
