"""How sure is the difference between two settings? Paired, over training seeds and over the people of the test sets.

Shapes: S seeds, Q queries.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from dcac_fastreid.errors import InputError
from dcac_fastreid.experiments.protocols import Column
from dcac_fastreid.experiments.variance import Place, TestSet, variance_between, variance_of_mean

CONFIDENCE = 0.95
BETTER, WORSE, WITHIN_NOISE, NO_VERDICT = "better", "worse", "within noise", "no verdict"
ROUNDING = 1e-9  # percentage points: an interval that ends at 0 may be computed to end beside it
# Parts of the variance, under their names in the JSON of a table; PEOPLE is printed as "people".
SEEDS, PEOPLE, QUERIES, PAIRS, DATA_SETS = "training seeds", "persons", "queries", "seed and query", "data sets"

QueryScores = Mapping[Place, Mapping[int, Sequence[float]]]  # place -> seed -> a score for each query, in per cent


@dataclass(frozen=True)
class OnDataSet:
    """The difference on one data set, in percentage points, with its own 95 % interval.

    data_seed: of the synthetic data set; None: real data.
    """

    data_seed: int | None
    difference: float
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """A row against the reference row, in percentage points.

    Attributes:
        difference: row minus reference, the mean over data sets, columns, seeds and queries.
        low, high: ends of the 95 % interval, for these data sets.
        verdict: BETTER or WORSE where the interval excludes 0, else WITHIN_NOISE; NO_VERDICT in a table whose controls do
            not show.
        columns: those that both rows have. places: the same, of each data set.
        seeds: by source, how many seeds both rows have, on the data set that has the fewest. Where it is 1, the interval
            covers the people alone.
        queries, persons: by target, how many, on the data set that has the fewest.
        data_sets: the same difference on each data set by itself.
        variance: its parts, in squared percentage points: SEEDS, PEOPLE, QUERIES and PAIRS, which the interval covers; and
            where there are several data sets DATA_SETS, what drawing them would add, which it does not cover.
    """

    difference: float
    low: float
    high: float
    verdict: str
    columns: tuple[Column, ...]
    places: tuple[Place, ...]
    seeds: Mapping[str, int]
    queries: Mapping[str, int]
    persons: Mapping[str, int]
    data_sets: tuple[OnDataSet, ...]
    variance: Mapping[str, float]


def mean_and_deviation(values: Sequence[float]) -> tuple[float, float | None]:
    """Mean and standard deviation (n - 1 in the denominator) over seeds; a single value has no deviation."""
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else None


def paired_comparison(
    row: QueryScores, reference: QueryScores, people: Mapping[TestSet, Sequence[int]] | None = None
) -> Comparison:
    """Difference of two rows and its 95 % interval, over all places that both have, each with the same weight.

    Element [s, q] of both rows belongs together: the same data set, seed, source and query. Their difference is taken
    first, so that what a seed or a query does to both rows alike drops out.

    The interval is Student's t with the variance and the degrees of freedom of `variance_of_mean`: other trainings and
    other people could have been drawn, people with all of their queries. A crossed bootstrap would say much the same but
    counts the noise of single (seed, query) pairs up to three times (A. B. Owen, The pigeonhole bootstrap, Annals of Applied
    Statistics 1(2), 2007), and needs a correction for few seeds. Simulated without any effect, with 2 to 5 seeds, 4
    sources, 30 or 40 people, whatever part of the variance prevails, 93 to 99.5 % of the intervals contain 0; with a
    single column, 20 people and 2 seeds, whose noise prevails, 90 %.

    The interval is for these data sets: that others would be drawn is not in it. How far theirs lie apart is told by the
    difference on each of them, and by the variance's part DATA_SETS. Trainings on two data sets count as independent,
    although a seed gives both the same draws.

    Args:
        people: of the queries of each test set; without them each query counts as a person of its own.
    Raises:
        InputError: no place in common; no seed in common on a source; numbers of queries that differ.
    """
    differences = _paired_differences(row, reference)
    people = {
        (data, target): (people or {}).get((data, target), range(values.shape[1]))
        for (data, _, target), values in differences.items()
    }
    difference, low, high, parts = _interval(differences, people)
    by_data = {
        data: {place: values for place, values in differences.items() if place[0] == data}
        for data in dict.fromkeys(place[0] for place in differences)
    }
    own = {data: _interval(of_data, people) for data, of_data in by_data.items()}
    if len(own) > 1:
        between = variance_between(
            [mean for mean, *_ in own.values()], [sum(of_own.values()) for *_, of_own in own.values()]
        )
        parts[DATA_SETS] = between / len(own)
    return Comparison(
        difference,
        low,
        high,
        verdict=BETTER if low > ROUNDING else WORSE if high < -ROUNDING else WITHIN_NOISE,
        columns=tuple(dict.fromkeys((source, target) for _, source, target in differences)),
        places=tuple(differences),
        seeds=_fewest((source, len(values)) for (_, source, _), values in differences.items()),
        queries=_fewest((target, len(of)) for (_, target), of in people.items()),
        persons=_fewest((target, len(set(of))) for (_, target), of in people.items()),
        data_sets=tuple(OnDataSet(data, *interval[:3]) for data, interval in own.items()),
        variance=parts,
    )


def _interval(differences: Mapping[Place, np.ndarray], people) -> tuple[float, float, float, dict[str, float]]:
    """Mean, both ends, and the parts of the variance."""
    mean = float(np.mean([values.mean() for values in differences.values()]))
    variance = variance_of_mean(differences, people)
    half = float(stdtrit(variance.freedom, (1 + CONFIDENCE) / 2)) * variance.total**0.5
    parts = {SEEDS: variance.seeds, PEOPLE: variance.people, QUERIES: variance.queries, PAIRS: variance.pairs}
    return mean, mean - half, mean + half, parts


def _fewest(numbers) -> dict[str, int]:
    fewest: dict[str, int] = {}
    for name, number in numbers:
        fewest[name] = min(number, fewest.get(name, number))
    return fewest


def _paired_differences(row: QueryScores, reference: QueryScores) -> dict[Place, np.ndarray]:
    """(S, Q) of each place, over the seeds that both rows have on all places of a data set and source."""
    places = [place for place in row if place in reference]
    if not places:
        raise InputError(
            f"the rows have no column in common ({_listed(row)} and {_listed(reference)}); train both on one source"
        )
    seeds = {
        trained: sorted(
            set.intersection(*(set(side[p]) for side in (row, reference) for p in places if p[:2] == trained))
        )
        for trained in dict.fromkeys(place[:2] for place in places)
    }
    differences, queries = {}, {}
    for place in places:
        data, source, target = place
        if not seeds[data, source]:
            trained = [other for other in places if other[:2] == place[:2]]
            of_row, of_reference = (
                sorted(set.intersection(*(set(side[p]) for p in trained))) for side in (row, reference)
            )
            raise InputError(
                f"{_listed(trained)}: the rows have no seed in common (seeds {_listed(of_row)} and {_listed(of_reference)}); train "
                "both with the same seeds"
            )
        pairs = [(row[place][seed], reference[place][seed]) for seed in seeds[data, source]]
        numbers = {len(scores) for pair in pairs for scores in pair}
        numbers |= {queries.get((data, target), len(pairs[0][0]))}
        if len(numbers) > 1:
            raise InputError(
                f"{_name(place)}: the numbers of queries on {target} differ ({_listed(sorted(numbers))}), expected the same in "
                "every result; test all on the same data set"
            )
        queries[data, target] = numbers.pop()
        ours, theirs = np.asarray(pairs, dtype=float).swapaxes(0, 1)
        differences[place] = ours - theirs
    return differences


def _name(place: Place) -> str:
    data, source, target = place
    return f"{source} -> {target}" + ("" if data is None else f" on data set {data}")


def _listed(names) -> str:
    return ", ".join(_name(name) if isinstance(name, tuple) else str(name) for name in names) or "none"
