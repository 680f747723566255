import shutil

import numpy as np
import pytest

from dcac_fastreid.deploy.search.known_people import people_of_dataset
from dcac_fastreid.deploy.search.pair_counts import STEPS, share_from, step_of
from dcac_fastreid.deploy.search.rate_curve import POINTS, rate_curve
from dcac_fastreid.deploy.search.search import calibrate_index


def test_a_curve_has_the_shares_of_the_pairs_above_each_of_its_thresholds():
    generator = np.random.default_rng(0)
    genuine, impostor = (
        np.bincount(step_of(np.clip(generator.normal(mean, 0.1, 5000), -1, 1)), minlength=STEPS) for mean in (0.6, 0.1)
    )
    curve = rate_curve(genuine, impostor)
    for point, threshold in enumerate(np.linspace(-1, 1, POINTS)):
        step = round((threshold + 1) * STEPS / 2)
        expected = (share_from(impostor, step), share_from(genuine, step))
        found = (curve["false_match_rate"][point], curve["true_match_rate"][point])
        assert found == pytest.approx(expected, rel=1e-5)
    assert (curve["false_match_rate"][0], curve["false_match_rate"][-1]) == (1, 0)


def test_a_calibrations_stated_rate_lies_on_its_curve(index, tiny_data, tmp_path):
    folder = shutil.copytree(index, tmp_path / "index")
    known, _ = calibrate_index(folder, people_of_dataset("DG_Market1501", str(tiny_data)), 0.1, device="cpu")
    above, below = (int(np.ceil((known.threshold + 1) / 2 * (POINTS - 1))) - number for number in (0, 1))
    rates = known.rates["false_match_rate"]
    assert rates[above] <= known.false_match_rate and rates[below] >= rates[above]
    genuine = known.rates["true_match_rate"]
    assert genuine[above] - 1e-6 <= known.true_match_rate <= genuine[below] + 1e-6
