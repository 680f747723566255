"""Single-gallery-shot CMC against all possible draws, and against the host's draws."""

from itertools import product

import numpy as np
import pytest

from dcac_fastreid.evaluation import evaluate_rank
from fastreid.evaluation.rank import eval_cuhk03


def small_case():
    """3 queries, 9 images of 4 identities, distances with ties, one junk image; the last query has no match."""
    distances = np.array([[3, 1, 4, 1, 5, 1, 2, 6, 1], [2, 7, 1, 8, 2, 8, 1, 8, 2], [0] * 9]) / 8
    return distances, np.array([0, 2, 9]), np.arange(9) % 4, np.array([0, 1, 0]), np.array([1, 1, 1, 1, 0, 1, 0, 1, 1])


def cmc_of_all_draws(distances, q_pids, g_pids, q_camids, g_camids, max_rank):
    all_cmc = []
    for row, pid, camid in zip(distances, q_pids, q_camids, strict=True):
        kept = [image for image in range(len(row)) if g_pids[image] != pid or g_camids[image] != camid]
        identities = [[image for image in kept if g_pids[image] == identity] for identity in sorted(set(g_pids))]
        cmc = []
        for drawn in product(*[images for images in identities if images]):
            order = sorted(drawn, key=lambda image: (row[image], image))
            found = np.array([g_pids[image] == pid for image in order])
            cmc.append([found[:rank].any() for rank in range(1, max_rank + 1)])
        if pid in g_pids[kept]:
            all_cmc.append(np.mean(cmc, axis=0))
    return np.mean(all_cmc, axis=0)


@pytest.mark.parametrize("max_rank", [1, 3, 6])
def test_cmc_is_the_mean_of_all_draws(max_rank):
    expected = cmc_of_all_draws(*small_case(), max_rank)
    cmc, _ = evaluate_rank(*small_case(), max_rank, use_metric_cuhk03=True)
    assert cmc.dtype == np.float32
    np.testing.assert_allclose(cmc, expected, rtol=0, atol=1e-6)


def test_the_hosts_draws_approach_it_and_its_precision_is_equal():
    generator = np.random.default_rng(0)
    distances = generator.random((6, 80))
    labels = np.arange(6), np.arange(80) % 25, np.zeros(6), np.ones(80)
    np.random.seed(0)
    draws = [eval_cuhk03(distances, *labels, 20) for _ in range(100)]
    cmc, mean_ap = evaluate_rank(distances, *labels, 20, use_metric_cuhk03=True)
    assert mean_ap == pytest.approx(draws[0][1], abs=1e-12)
    # 6 queries x 1,000 draws: a standard error of at most 0.0065.
    np.testing.assert_allclose(cmc, np.mean([host_cmc for host_cmc, _ in draws], axis=0), rtol=0, atol=0.02)
    assert not np.array_equal(draws[0][0], draws[1][0])
