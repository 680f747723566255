"""Ranking of given distances against the host's, with a stable sort."""

import tracemalloc

import numpy as np
import pytest

from dcac_fastreid.errors import InputError
from dcac_fastreid.evaluation import evaluate_rank
from fastreid.evaluation.rank import eval_market1501


@pytest.fixture
def stable_sort(monkeypatch):
    argsort = np.argsort
    monkeypatch.setattr(np, "argsort", lambda values, axis=-1: argsort(values, axis=axis, kind="stable"))


def random_case(seed, gallery):
    """Few identities and cameras, so junk and queries without a match; distances with few values, so ties."""
    generator = np.random.default_rng(seed)
    queries, identities = generator.integers(3, 12), generator.integers(2, 9)
    distances = generator.integers(0, generator.integers(2, 60), (queries, gallery)) / 7
    q_pids, g_pids = generator.integers(0, identities + 2, queries), generator.integers(0, identities, gallery)
    cameras = generator.integers(2, 5)
    q_camids, g_camids = generator.integers(0, cameras, queries), generator.integers(0, cameras, gallery)
    g_pids[0], g_camids[0], q_pids[0], q_camids[0] = 0, 1, 0, 0  # one match at least
    return distances.astype(np.float32), q_pids, g_pids, q_camids, g_camids


def fewest_ranked(q_pids, g_pids, q_camids, g_camids):
    """The smallest number of gallery images that any query ranks: the longest CMC that the host can stack."""
    junk = (q_pids[:, None] == g_pids) & (q_camids[:, None] == g_camids)
    return int((~junk).sum(axis=1).min())


@pytest.mark.parametrize("seed", range(60))
def test_equals_the_host_with_ties_junk_and_absent_identities(stable_sort, seed):
    distances, *labels = random_case(seed, gallery=seed * 5 + 6)
    max_rank = min(50, fewest_ranked(*labels))
    host_cmc, host_ap, host_inp = eval_market1501(distances, *labels, max_rank)
    cmc, ap, inp = evaluate_rank(distances, *labels, max_rank)
    assert cmc.dtype == np.float32
    np.testing.assert_array_equal(cmc, host_cmc)
    np.testing.assert_array_equal(inp, host_inp)
    np.testing.assert_allclose(ap, host_ap, rtol=0, atol=1e-12)


def test_random_cases_hold_ties_junk_and_absent_identities():
    cases = [random_case(seed, gallery=seed * 5 + 6) for seed in range(60)]
    assert any(len(np.unique(distances[0])) < distances.shape[1] for distances, *_ in cases)
    assert any(fewest_ranked(*labels) < len(labels[1]) for _, *labels in cases)
    assert any(not np.isin(q_pids, g_pids).all() for _, q_pids, g_pids, *_ in cases)


def test_equal_distances_rank_in_gallery_order():
    labels = np.array([1]), np.array([2, 1, 3, 1]), np.array([0]), np.array([1, 1, 1, 1])
    cmc, ap, inp = evaluate_rank(np.zeros((1, 4), dtype=np.float32), *labels, max_rank=3)
    assert cmc.tolist() == [0, 1, 1]
    assert ap.tolist() == [(1 / 2 + 2 / 4) / 2]
    assert inp.tolist() == [2 / 4]


def test_junk_takes_no_rank():
    distances = np.array([[0.1, 0.2, 0.3]], dtype=np.float32)
    labels = np.array([1]), np.array([1, 1, 2]), np.array([0]), np.array([0, 1, 1])
    assert evaluate_rank(distances, *labels, max_rank=1)[0].tolist() == [1]


@pytest.mark.parametrize("gallery", [1, 7, 49, 51])
def test_cmc_is_as_long_as_asked_for(gallery):
    distances, *labels = random_case(3, gallery)
    cmc, *_ = evaluate_rank(distances, *labels)
    assert len(cmc) == 50
    assert (np.diff(cmc) >= 0).all()
    assert (cmc[gallery:] == 1).all()


def test_distances_are_left_as_they_were():
    distances, *labels = random_case(5, gallery=30)
    before = distances.copy()
    evaluate_rank(distances, *labels)
    np.testing.assert_array_equal(distances, before)


def test_whole_number_distances_rank_like_their_floats():
    distances, *labels = random_case(8, gallery=40)
    whole = (distances * 7).round().astype(np.int64)
    np.testing.assert_array_equal(evaluate_rank(whole, *labels)[1], evaluate_rank(distances, *labels)[1])


def test_extra_memory_does_not_grow_with_the_matrix():
    distances = np.random.default_rng(0).random((200, 20_000), dtype=np.float32)  # 16 MB
    labels = np.arange(200) % 50, np.arange(20_000) % 50, np.zeros(200), np.ones(20_000)
    tracemalloc.start()
    evaluate_rank(distances, *labels)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_distance_that_is_not_finite_is_refused(value):
    distances, *labels = random_case(0, gallery=20)
    distances[2, 3] = value
    with pytest.raises(InputError, match="query 2 has a distance that is NaN or infinite"):
        evaluate_rank(distances, *labels)


def test_queries_without_any_match_are_refused():
    with pytest.raises(InputError, match="no query has a match"):
        evaluate_rank(np.zeros((1, 2)), np.array([1]), np.array([1, 2]), np.array([0]), np.array([0, 1]))


def test_labels_of_another_gallery_are_refused():
    distances, q_pids, g_pids, q_camids, g_camids = random_case(0, gallery=20)
    with pytest.raises(ValueError, match="queries x gallery"):
        evaluate_rank(distances[:, :10], q_pids, g_pids, q_camids, g_camids)
    with pytest.raises(ValueError, match="20 gallery identities, but .* 10 cameras"):
        evaluate_rank(distances, q_pids, g_pids, q_camids, g_camids[:10])
