"""How sure is the difference between two rows? Paired, over the seeds of training and the queries of the test.

Shapes: S seeds, Q queries, R draws of the bootstrap.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtrit

from dcac_fastreid.errors import InputError
from dcac_fastreid.experiments.protocols import Column

DRAWS = 10_000
CONFIDENCE = 0.95
BETTER, WORSE, WITHIN_NOISE = "better", "worse", "within noise"
ROUNDING = 1e-9  # percentage points: an interval that ends at 0 may be computed to end beside it
COUNTS_AT_ONCE = 4_000_000  # draws times queries that are in memory together: 32 MB

QueryScores = Mapping[Column, Mapping[int, Sequence[float]]]  # column -> seed -> a score for each query, in per cent


@dataclass(frozen=True)
class Comparison:
    """A row against the reference row, in percentage points.

    Attributes:
        difference: row minus reference, the mean over columns, seeds and queries.
        low, high: ends of the 95 % interval.
        verdict: BETTER or WORSE where the interval excludes 0, else WITHIN_NOISE.
        columns: those that both rows have.
        seeds: by source, how many seeds both rows have. Where it is 1, the interval covers the queries alone.
        queries: by target.
    """

    difference: float
    low: float
    high: float
    verdict: str
    columns: tuple[Column, ...]
    seeds: Mapping[str, int]
    queries: Mapping[str, int]


def mean_and_deviation(values: Sequence[float]) -> tuple[float, float | None]:
    """Mean and standard deviation (n - 1 in the denominator) over seeds; a single value has no deviation."""
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else None


def paired_comparison(row: QueryScores, reference: QueryScores, *, draws: int = DRAWS, rng_seed: int = 0) -> Comparison:
    """Difference of two rows and its 95 % interval, over all columns that both have, each with the same weight.

    Element [s, q] of both rows belongs together: the same seed, source and query. Their difference is taken first, so
    that what a seed or a query does to both rows alike drops out.

    The interval is a percentile bootstrap with crossed resampling: in every draw the seeds of each source and the queries
    of each target are drawn with replacement, independently; columns of one source share its seeds, columns of one target
    its queries. For two crossed factors this errs on the safe side: noise that belongs to single (seed, query) pairs
    counts up to three times (A. B. Owen, The pigeonhole bootstrap, Annals of Applied Statistics 1(2), 2007).

    Five seeds are too few for a plain percentile interval: without any effect it excludes 0 in about 17 % of all tables
    (25 % with three seeds) where the seeds' noise prevails. Resampled deviations are too small by sqrt((S - 1) / S), the
    "narrowness bias", and normal tails stand where Student's t belongs. Both are put right as T. Hesterberg proposes (What
    Teachers Should Know About the Bootstrap, The American Statistician 69(4), 2015), on the deviations rather than on the
    percentiles because those of three seeds cannot move outwards: each seed's mean deviation is multiplied by
    sqrt(S / (S - 1)) * t / z, with the degrees of freedom of the seeds' part of the variance (Satterthwaite, over the
    sources). Queries need no correction: they number 72 to 96 on the drawn world, where the same factor would be below 1.03, and
    1,400 to 11,659 on the paper's data sets. Simulated without any effect, with 2, 3 and 5 seeds, at most
    7 % of the intervals exclude 0; hardly any where the noise of single (seed, query) pairs prevails.

    The interval is conditional on these persons and this world (or data set): only seeds and queries are drawn. Queries of one
    person are not independent, but are drawn as if they were: for other persons or another world the interval is too narrow.

    Raises:
        InputError: no column in common; no seed in common on a source; numbers of queries that differ.
    """
    differences = _paired_differences(row, reference)
    centred = _corrected_for_few_seeds(differences)
    difference = float(np.mean([values.mean() for values in differences.values()]))
    tail = (1 - CONFIDENCE) / 2
    low, high = difference + np.quantile(_resampled_means(centred, draws, rng_seed), [tail, 1 - tail])
    return Comparison(
        difference,
        float(low),
        float(high),
        verdict=BETTER if low > ROUNDING else WORSE if high < -ROUNDING else WITHIN_NOISE,
        columns=tuple(differences),
        seeds={source: len(values) for (source, _), values in differences.items()},
        queries={target: values.shape[1] for (_, target), values in differences.items()},
    )


def _paired_differences(row: QueryScores, reference: QueryScores) -> dict[Column, np.ndarray]:
    """(S, Q) of each column, over the seeds that both rows have on all of a source's columns."""
    columns = [column for column in row if column in reference]
    if not columns:
        raise InputError(
            f"the rows have no column in common ({_listed(row)} and {_listed(reference)}); train both on one source"
        )
    seeds = {
        source: sorted(
            set.intersection(*(set(side[c]) for side in (row, reference) for c in columns if c[0] == source))
        )
        for source, _ in columns
    }
    differences, queries = {}, {}
    for column in columns:
        source, target = column
        name = f"{source} -> {target}"
        if not seeds[source]:
            raise InputError(
                f"{name}: the rows have no seed in common (seeds {_listed(row[column])} and {_listed(reference[column])}); "
                "train both with the same seeds"
            )
        pairs = [(row[column][seed], reference[column][seed]) for seed in seeds[source]]
        numbers = {len(scores) for pair in pairs for scores in pair} | {queries.get(target, len(pairs[0][0]))}
        if len(numbers) > 1:
            raise InputError(
                f"{name}: the numbers of queries on {target} differ ({_listed(sorted(numbers))}), expected the same in every "
                "result; test all on the same data set"
            )
        queries[target] = numbers.pop()
        ours, theirs = np.asarray(pairs, dtype=float).swapaxes(0, 1)
        differences[column] = ours - theirs
    return differences


def _corrected_for_few_seeds(differences: Mapping[Column, np.ndarray]) -> dict[Column, np.ndarray]:
    """Deviations from each column's mean, the seeds' part of them widened (see `paired_comparison`)."""
    factors = _seed_factors(differences)
    corrected = {}
    for column, values in differences.items():
        deviations = values - values.mean()
        of_seeds = deviations.mean(axis=1, keepdims=True)
        corrected[column] = deviations + (factors[column[0]] - 1) * of_seeds
    return corrected


def _seed_factors(differences: Mapping[Column, np.ndarray]) -> dict[str, float]:
    """By source: sqrt(S / (S - 1)) * t / z; 1 for a single seed, whose deviation is 0."""
    numbers = {source: len(values) for (source, _), values in differences.items()}
    parts = {}  # source with several seeds -> its part of the mean's variance, and the degrees of freedom of that
    for source, number in numbers.items():
        if number > 1:
            means = sum(values.mean(axis=1) for (of, _), values in differences.items() if of == source) / len(
                differences
            )
            parts[source] = means.var(ddof=1) / number, number - 1
    variance = sum(part for part, _ in parts.values())
    if variance == 0:
        return dict.fromkeys(numbers, 1.0)
    freedom = variance**2 / sum(part**2 / freedom for part, freedom in parts.values())
    tail = (1 + CONFIDENCE) / 2
    tails = stdtrit(freedom, tail) / ndtri(tail)
    return {source: tails * np.sqrt(n / (n - 1)) if n > 1 else 1.0 for source, n in numbers.items()}


def _resampled_means(columns: Mapping[Column, np.ndarray], draws: int, rng_seed: int) -> np.ndarray:
    """(R,): the mean over columns of each draw, the columns' seeds and queries drawn with replacement."""
    rng = np.random.default_rng(rng_seed)
    seeds = {source: len(values) for (source, _), values in columns.items()}
    weights = {source: rng.multinomial(n, [1 / n] * n, size=draws) / n for source, n in seeds.items()}
    total = np.zeros(draws)
    for target, queries in {target: values.shape[1] for (_, target), values in columns.items()}.items():
        step = max(1, COUNTS_AT_ONCE // queries)
        for start in range(0, draws, step):
            part = slice(start, min(start + step, draws))
            counts = _counts(rng, part.stop - part.start, queries)
            for (source, of), values in columns.items():
                if of == target:
                    by_seed = counts @ values.T / queries
                    total[part] += (by_seed * weights[source][part]).sum(axis=1)
    return total / len(columns)


def _counts(rng: np.random.Generator, draws: int, queries: int) -> np.ndarray:
    """(draws, Q): how often each query is drawn in Q draws with replacement."""
    drawn = rng.integers(queries, size=(draws, queries)) + queries * np.arange(draws)[:, None]
    return np.bincount(drawn.ravel(), minlength=draws * queries).reshape(draws, queries).astype(float)


def _listed(names) -> str:
    return ", ".join(" -> ".join(name) if isinstance(name, tuple) else str(name) for name in names) or "none"
