import numpy as np
import pytest

from dcac_fastreid.errors import InputError
from dcac_fastreid.experiments.statistics import mean_and_deviation, paired_comparison

MA_D, MA_MS, C3_D = (None, "MA", "D"), (None, "MA", "MS"), (None, "C3", "D")


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
    # Differences [[0, 2], [4, 6]]: mean 3, seeds' deviations -2 and +2, queries' -1 and +1, nothing else. Variances of the mean:
    # 8 / 2 and 2 / 2, each with one degree of freedom, together 5 with 25 / 17, where Student's t ends at 6.1881.
    result = paired_comparison(*rows([[0, 2], [4, 6]]))
    assert result.difference == 3
    assert (result.low, result.high) == (
        pytest.approx(3 - 6.1881 * 5**0.5, 1e-3),
        pytest.approx(3 + 6.1881 * 5**0.5, 1e-3),
    )
    assert (result.verdict, result.seeds, result.queries) == ("within noise", {"MA": 2}, {"D": 2})
    assert result.variance == pytest.approx({"training seeds": 4, "persons": 1, "queries": 0, "seed and query": 0})


def test_one_seed_draws_people_alone():
    result = paired_comparison(
        *rows([[1, 2, 3]]), {(None, "D"): [1, 2, 3]}
    )  # variance of the mean 1 / 3, t with 2 degrees
    assert (result.low, result.difference) == (pytest.approx(2 - 4.3027 / 3**0.5, 1e-4), 2)
    assert (result.verdict, result.seeds, result.persons) == ("within noise", {"MA": 1}, {"D": 3})


def test_several_data_sets_are_judged_together_and_each_by_itself():
    rng = np.random.default_rng(0)
    row, reference, people = {}, {}, {}
    for data_seed, shift in ((1, 2.0), (2, 3.0), (5, 10.0)):
        one, other = rows(shift + rng.normal(size=(5, 1)) + rng.normal(size=(5, 40)))
        row[data_seed, "MA", "D"], reference[data_seed, "MA", "D"] = one[MA_D], other[MA_D]
        people[data_seed, "D"] = np.repeat(range(10), 4)
    result = paired_comparison(row, reference, people)
    own = [paired_comparison({place: row[place]}, {place: reference[place]}, people) for place in row]
    assert [(on.data_seed, on.difference, on.low, on.high) for on in result.data_sets] == [
        (data_seed, of.difference, of.low, of.high) for data_seed, of in zip((1, 2, 5), own, strict=True)
    ]
    assert result.difference == pytest.approx(np.mean([of.difference for of in own])) and result.verdict == "better"
    assert (result.columns, result.seeds, result.persons) == ((("MA", "D"),), {"MA": 5}, {"D": 10})
    # For these data sets: what lies between them widens nothing, and is told beside it.
    assert result.high - result.low < np.mean([of.high - of.low for of in own])
    assert result.variance["data sets"] * 3 == pytest.approx(np.var([2, 3, 10], ddof=1), rel=0.3)
    assert "data sets" not in own[0].variance


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


def test_the_seeds_that_both_have_are_compared():
    row, reference = {MA_D: {0: [9, 9], 1: [5, 5], 2: [5, 5]}}, {MA_D: {1: [4, 4], 2: [4, 4], 7: [0, 0]}}
    result = paired_comparison(row, reference)
    assert (result.difference, result.seeds) == (1, {"MA": 2})


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
    # Nominal are 5 % of 300 tables, 15; a fault of 3 standard deviations up is 26. Rank-1 is 0 or 100, and 30 people have 1
    # to 5 queries; both settings are as good, each with trainings and people of its own.
    rng = np.random.default_rng(0)
    excluded = 0
    for _ in range(300):
        of = np.repeat(range(30), rng.integers(1, 6, 30))
        sides = []
        for _ in range(2):
            score = 0.2 * rng.normal(size=(seeds, 1)) + rng.normal(size=30)[of] + rng.normal(size=(seeds, of.size))
            sides.append({MA_D: by_seed(100.0 * (score > 0))})
        excluded += paired_comparison(*sides, {(None, "D"): of}).verdict != "within noise"
    assert 4 <= excluded <= 26


def test_an_effect_of_several_sources_is_found():
    # Four sources of 3 seeds have 8 degrees of freedom, not 2: 1.5 standard deviations of a seed are then found.
    rng = np.random.default_rng(0)
    better = 0
    for _ in range(40):
        row = {
            (None, source, "D"): by_seed(1.5 + rng.normal(size=(3, 1)) + rng.normal(size=(3, 40)))
            for source in ("MA", "MS", "C3", "X")
        }
        better += paired_comparison(row, {place: by_seed(np.zeros((3, 40))) for place in row}).verdict == "better"
    assert better >= 36


def test_an_interval_that_ends_at_0_is_within_noise_however_it_rounds():
    # Of 40 queries one differs, in all seeds alike. No difference at all has no interval.
    differences = np.zeros((3, 40))
    assert paired_comparison(*rows(differences)).verdict == "within noise"
    differences[:, 7] = 100.0
    assert paired_comparison(*rows(differences)).verdict == "within noise"
    one = paired_comparison(*rows(differences + 1e-12))
    assert paired_comparison(*rows(np.full((3, 40), 1e-12), level=0.0)).verdict == one.verdict == "within noise"
