"""The ranking section compares like with like."""

import numpy as np
import pytest

from dcac_fastreid.evaluation import evaluate_rank
from dcac_fastreid.profiling import ranking


def test_results_are_equal_also_among_equal_distances():
    result = ranking.rank_given_distances(30, 5000)
    assert result["equal"] and result["host_s"] > 0 and result["ours_s"] > 0


@pytest.mark.parametrize("index", range(3), ids=["CMC", "AP", "INP"])
def test_a_difference_would_be_seen(monkeypatch, index):
    def wrong(*labels):
        result = list(evaluate_rank(*labels))
        result[index] = result[index] + np.float32(1e-6)
        return result

    monkeypatch.setattr(ranking, "evaluate_rank", wrong)
    assert not ranking.rank_given_distances(30, 500)["equal"]


def test_the_hosts_sort_is_made_stable():
    distances = np.random.default_rng(0).integers(3, size=(2, 10_000)).astype(np.float32)
    order = np.argsort(distances.view(ranking._InStableOrder), axis=1)
    assert (order == np.argsort(distances, axis=1, kind="stable")).all()
    assert (order != np.argsort(distances, axis=1)).any()  # as it would be without


def test_a_fresh_process_tells_its_own_peak():
    ballast = np.ones(2**27)  # 1 GiB that this process has and the other one has not
    result = ranking.rank_in_a_fresh_process(ranking.Search(20, 200, 5, 3, "cpu"))
    assert 0 < result["seconds"] and result["mAP"] > 0.5
    assert result["peak_memory_gib"] is None or result["peak_memory_gib"] < ballast.nbytes / 2**30
