"""The ranking section compares like with like."""

import numpy as np

from dcac_fastreid.profiling import ranking


def test_results_are_equal_also_among_equal_distances():
    result = ranking.rank_given_distances(30, 5000)
    assert result["equal"] and result["host_s"] > 0 and result["ours_s"] > 0


def test_a_difference_would_be_seen(monkeypatch):
    def reversed_order(distances, *labels):
        return ranking.evaluate_rank_(-distances, *labels)

    monkeypatch.setattr(ranking, "evaluate_rank_", ranking.evaluate_rank, raising=False)
    monkeypatch.setattr(ranking, "evaluate_rank", reversed_order)
    assert not ranking.rank_given_distances(30, 500)["equal"]


def test_the_hosts_sort_is_made_stable():
    equal = np.zeros((1, 100), dtype=np.float32).view(ranking._InStableOrder)
    assert (np.argsort(equal, axis=1) == np.arange(100)).all()


def test_a_fresh_process_tells_its_own_peak():
    ballast = np.ones(2**27)  # 1 GiB that this process has and the other one has not
    result = ranking.rank_in_a_fresh_process(ranking.Search(20, 200, 5, 3, "cpu"))
    assert 0 < result["seconds"] and result["mAP"] > 0.5
    assert result["peak_memory_gib"] is None or result["peak_memory_gib"] < ballast.nbytes / 2**30
