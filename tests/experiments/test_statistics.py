import numpy as np
import pytest

from dcac_fastreid.errors import InputError
from dcac_fastreid.experiments.statistics import mean_and_deviation, paired_comparison

MA_D, MA_MS, C3_D = ("MA", "D"), ("MA", "MS"), ("C3", "D")


def by_seed(scores, first: int = 0) -> dict:
    """(S, Q) -> seed -> scores of the queries."""
    return {first + seed: list(of_seed) for seed, of_seed in enumerate(scores)}


def rows(differences, level: float = 40.0):
    """A row and a reference, of one column, with these differences (S, Q)."""
    differences = np.asarray(differences, dtype=float)
    reference = level + np.arange(differences.size).reshape(differences.shape)
    return {MA_D: by_seed(reference + differences)}, {MA_D: by_seed(reference)}


def test_deviation_has_n_minus_one():
    assert mean_and_deviation([1.0, 2.0, 6.0]) == (3.0, pytest.approx(7**0.5))


def test_one_seed_has_no_deviation():
    assert mean_and_deviation([3.0]) == (3.0, None)


def test_two_seeds_and_two_queries_by_hand():
    # Differences [[0, 2], [4, 6]]: mean 3, seeds' deviations -2 and +2, queries' -1 and +1, nothing else. A draw of two
    # seeds gives -2, 0, 0, 2 times the correction, with 1/4, 1/2, 1/4; two queries give -1, 0, 1 likewise. The ends of 95 %
    # are the extremes (1/16 each): 3 -+ (2 c + 1), where c = sqrt(2) * 12.7062 / 1.95996 (t with one degree of freedom).
    correction = 2**0.5 * 12.7062 / 1.95996
    result = paired_comparison(*rows([[0, 2], [4, 6]]))
    assert result.difference == 3
    assert (result.low, result.high) == (
        pytest.approx(2 - 2 * correction, 1e-4),
        pytest.approx(4 + 2 * correction, 1e-4),
    )
    assert (result.verdict, result.seeds, result.queries) == ("within noise", {"MA": 2}, {"D": 2})


def test_one_seed_draws_queries_alone():
    result = paired_comparison(*rows([[1, 3]]))  # two queries: the extremes are both times the same one
    assert (result.low, result.difference, result.high) == (1, 2, 3)
    assert (result.verdict, result.seeds) == ("better", {"MA": 1})


@pytest.mark.parametrize(
    ("shift", "verdict"), [(5, "better"), (-5, "worse"), (0.1, "within noise"), (0, "within noise")]
)
def test_verdict_follows_the_interval(shift, verdict):
    rng = np.random.default_rng(0)
    assert paired_comparison(*rows(shift + rng.normal(size=(5, 40)) * (shift != 0))).verdict == verdict


def test_what_a_query_does_to_both_rows_drops_out():
    rng = np.random.default_rng(0)
    hard = rng.uniform(0, 100, size=(3, 50))
    result = paired_comparison({MA_D: by_seed(hard + 1)}, {MA_D: by_seed(hard)})
    assert result.low == pytest.approx(1) and result.high == pytest.approx(1)


def test_columns_weigh_the_same_whatever_their_queries():
    row = {MA_D: by_seed(np.full((2, 10), 2.0)), MA_MS: by_seed(np.full((2, 90), 4.0))}
    zeros = {MA_D: by_seed(np.zeros((2, 10))), MA_MS: by_seed(np.zeros((2, 90)))}
    assert paired_comparison(row, zeros).difference == 3


def test_columns_of_one_source_share_its_seeds():
    differences = np.random.default_rng(0).normal(size=(4, 1)) + np.zeros((4, 30))  # of seeds alone
    zeros = by_seed(np.zeros((4, 30)))
    columns = {MA_D: by_seed(differences), MA_MS: by_seed(-differences)}
    shared = paired_comparison(columns, {MA_D: zeros, MA_MS: zeros})
    assert shared.high - shared.low == pytest.approx(0, abs=1e-12)  # each draw of seeds cancels
    apart = paired_comparison({MA_D: columns[MA_D], C3_D: columns[MA_MS]}, {MA_D: zeros, C3_D: zeros})
    assert apart.high - apart.low > 0.5


def test_columns_of_one_target_share_its_queries():
    differences = np.random.default_rng(0).normal(size=(1, 30)) + np.zeros((4, 30))  # of queries alone
    zeros = by_seed(np.zeros((4, 30)))
    columns = {MA_D: by_seed(differences), C3_D: by_seed(-differences)}
    shared = paired_comparison(columns, {MA_D: zeros, C3_D: zeros})
    assert shared.high - shared.low == pytest.approx(0, abs=1e-12)
    apart = paired_comparison({MA_D: columns[MA_D], MA_MS: columns[C3_D]}, {MA_D: zeros, MA_MS: zeros})
    assert apart.high - apart.low > 0.2


def test_the_seeds_that_both_have_are_compared():
    row, reference = {MA_D: {0: [9, 9], 1: [5, 5], 2: [5, 5]}}, {MA_D: {1: [4, 4], 2: [4, 4], 7: [0, 0]}}
    result = paired_comparison(row, reference)
    assert (result.difference, result.seeds) == (1, {"MA": 2})


def test_many_queries_are_drawn_in_pieces(monkeypatch):
    two = rows(np.random.default_rng(0).normal(size=(3, 20)))
    whole = paired_comparison(*two)
    monkeypatch.setattr("dcac_fastreid.experiments.statistics.COUNTS_AT_ONCE", 20 * 999)
    assert paired_comparison(*two) == whole


def test_no_common_seed_is_an_error():
    with pytest.raises(InputError, match=r"MA -> D: the rows have no seed in common \(seeds 0 and 1\)"):
        paired_comparison({MA_D: {0: [1.0]}}, {MA_D: {1: [1.0]}})


def test_no_common_column_is_an_error():
    with pytest.raises(InputError, match="no column in common"):
        paired_comparison({MA_D: {0: [1.0]}}, {MA_MS: {0: [1.0]}})


@pytest.mark.parametrize("reference", [{0: [1.0]}, {0: [1.0, 2.0], 1: [1.0]}])
def test_other_numbers_of_queries_are_an_error(reference):
    with pytest.raises(InputError, match=r"numbers of queries on D differ \(1, 2\)"):
        paired_comparison({MA_D: {0: [1.0, 2.0], 1: [1.0, 2.0]}}, {MA_D: reference})


def test_other_numbers_of_queries_on_one_target_are_an_error():
    row = {MA_D: {0: [1.0]}, C3_D: {0: [1.0, 2.0]}}
    with pytest.raises(InputError, match="C3 -> D: the numbers of queries on D differ"):
        paired_comparison(row, row)


@pytest.mark.parametrize("seeds", [3, 5])
def test_without_an_effect_few_intervals_exclude_zero(seeds):
    # The seeds' noise is nearly all of the variance. Nominal are 5 % of 300 tables, 15; a fault of 3 standard deviations up is 26.
    # Without the correction for few seeds it is 50 and more.
    rng = np.random.default_rng(0)
    excluded = 0
    for _ in range(300):
        noise = rng.normal(size=(seeds, 1)) + rng.normal(size=40) + 0.5 * rng.normal(size=(seeds, 40))
        excluded += paired_comparison(*rows(noise), draws=1000).verdict != "within noise"
    assert excluded <= 26


def test_an_effect_of_several_sources_is_found():
    # Four sources of 3 seeds have 8 degrees of freedom, not 2: 1.5 standard deviations of a seed are then found.
    rng = np.random.default_rng(0)
    better = 0
    for _ in range(40):
        row = {
            (s, "D"): by_seed(1.5 + rng.normal(size=(3, 1)) + rng.normal(size=(3, 40))) for s in ("MA", "MS", "C3", "X")
        }
        better += paired_comparison(row, {c: by_seed(np.zeros((3, 40))) for c in row}, draws=1000).verdict == "better"
    assert better >= 36


@pytest.mark.parametrize("sign, beside", [(-1, "high"), (1, "low")])
def test_an_interval_that_ends_at_0_is_within_noise_however_it_rounds(sign, beside):
    # One of 88 queries differs, in all seeds alike: a draw without it, more than a third of all, has a mean of exactly 0.
    differences = np.zeros((3, 88))
    differences[:, 7] = sign * 100.0
    result = paired_comparison(*rows(differences))
    assert abs(getattr(result, beside)) < 1e-9
    assert result.verdict == "within noise"
