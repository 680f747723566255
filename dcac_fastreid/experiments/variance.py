"""What makes a mean difference uncertain? Training seeds, people, queries, pairs of them: a mixed-model analysis of variance.

Shapes: S seeds, Q queries, P people.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Place = tuple[int | None, str, str]  # seed of the synthetic data set (None: real data), source, target
TestSet = tuple[int | None, str]  # seed of the data set, target


@dataclass(frozen=True)
class Variance:
    """Of the mean over all places, each with the same weight.

    Attributes:
        seeds, people, queries, pairs: its parts, which add up to it.
        freedom: degrees of freedom that the estimate of the sum has.
    """

    seeds: float
    people: float
    queries: float
    pairs: float
    freedom: float

    @property
    def total(self) -> float:
        return self.seeds + self.people + self.queries + self.pairs


def variance_of_mean(differences: Mapping[Place, np.ndarray], people: Mapping[TestSet, Sequence[int]]) -> Variance:
    """Estimates the variance of the mean over places, seeds and queries, and its parts.

    The model, for one place: difference [s, q] = mean + training s + person of q + query q + pair [s, q], each drawn at
    random but the mean. Places of one data set and source share their trainings, places of one test set its people and
    queries, whatever else those do on each place; data sets, sources and targets are given, not drawn. That is the design
    of studies in which several readers judge the same cases, with trainings for readers and people for clusters of
    cases, and the estimate is theirs (Dorfman, Berbaum and Metz 1992; Hillis, Statistics in Medicine 26(3), 2007): the
    spread between trainings estimates seeds + pairs, the spread between people (sums over their queries) people +
    queries + pairs, and what is left when both are taken off estimates the pairs. Degrees of freedom: Satterthwaite.

    A data set and source with one training tells nothing of seeds and pairs: theirs are taken to be as large as those of the
    others, pooled. Where all have one training, seeds are left out and pairs counted among queries.

    Args:
        differences: (S, Q) each, in percentage points.
        people: of the queries, (Q,); a person may have any number of queries.
    """
    number = len(differences)
    between_seeds = _between_seeds(differences, number)
    between_people, within_people = {}, 0.0
    for test_set, groups in ((test_set, _Groups(of)) for test_set, of in people.items()):
        of_set = [values for (data, _, target), values in differences.items() if (data, target) == test_set]
        if of_set and groups.number > 1:
            means = sum(values.mean(axis=0) - values.mean() for values in of_set) / (number * groups.of.size)
            between_people[groups.number - 1, test_set] = groups.variance_of_sum(means[None])
            within_people += groups.variance_within(means[None])
    pairs, pairs_within = map(float, _pairs(differences, people, number))
    of_seeds, of_people = sum(between_seeds.values()), sum(between_people.values())
    rest = max(of_people - pairs, 0.0)  # people and queries
    queries = min(max(within_people - pairs_within, 0.0), rest)
    parts = max(of_seeds - pairs, 0.0), rest - queries, queries, pairs
    squares = sum(part**2 / freedom for (freedom, _), part in {**between_seeds, **between_people}.items())
    return Variance(*parts, freedom=sum(parts) ** 2 / squares if squares else np.inf)


def variance_between(differences: Sequence[float], variances: Sequence[float]) -> float:
    """Variance of the data sets' true differences: what their spread has beyond the variances of the single estimates."""
    return max(float(np.var(differences, ddof=1)) - float(np.mean(variances)), 0.0)


def _between_seeds(differences: Mapping[Place, np.ndarray], number: int) -> dict[tuple, float]:
    """(degrees of freedom, data set and source) -> what its trainings' spread says of the variance of the mean.

    That is the variance of its own share in the mean, and its part in the pooled estimate for shares of one training.
    """
    shares: dict[tuple, list[np.ndarray]] = {}
    for (data, source, _), values in differences.items():
        shares.setdefault((data, source), []).append(values.mean(axis=1))
    several = {key: np.mean(means, axis=0) for key, means in shares.items() if means[0].size > 1}
    weights = {key: (len(means) / number) ** 2 for key, means in shares.items()}
    of_single = sum(weight for key, weight in weights.items() if key not in several)
    freedom = sum(means.size - 1 for means in several.values())
    return {
        (means.size - 1, key): float(means.var(ddof=1))
        * (weights[key] / means.size + of_single * (means.size - 1) / freedom)
        for key, means in several.items()
    }


def _pairs(differences: Mapping[Place, np.ndarray], people: Mapping[TestSet, Sequence[int]], number: int) -> np.ndarray:
    """Variance of the mean by pairs of seed and person, and its part within people."""
    found, squares, freedom, single = np.zeros(2), np.zeros(2), 0, 0
    for (data, _, target), values in differences.items():
        seeds, groups = len(values), _Groups(people[data, target])
        if groups.number == 1:
            continue
        if seeds == 1:
            single += 1
            continue
        means = values.mean(axis=0), values.mean(axis=1, keepdims=True)
        left = (values - means[0] - means[1] + values.mean()) / (number * values.shape[1])
        of_place = np.array([groups.variance_of_sum(left), groups.variance_within(left)])
        found += of_place / (seeds * (seeds - 1))
        squares += of_place
        freedom += seeds - 1
    return found + single * squares / freedom if freedom else found


class _Groups:
    """Queries by their people."""

    def __init__(self, people: Sequence[int]):
        _, self.of = np.unique(np.asarray(people), return_inverse=True)
        self.sizes = np.bincount(self.of)
        self.number = self.sizes.size

    def variance_of_sum(self, values: np.ndarray) -> float:
        """Of the sum over queries, people being drawn; added over the lines of values (lines, Q), whose sums are 0."""
        return self.number / (self.number - 1) * float((self._sums(values) ** 2).sum())

    def variance_within(self, values: np.ndarray) -> float:
        """Likewise, each person's queries being drawn; a person with a single query tells nothing."""
        squares = self._sums(values**2) - self._sums(values) ** 2 / self.sizes
        several = self.sizes > 1
        return float((squares * self.sizes / np.maximum(self.sizes - 1, 1))[:, several].sum())

    def _sums(self, values: np.ndarray) -> np.ndarray:
        """(lines, P)"""
        return np.stack([np.bincount(self.of, weights=line, minlength=self.number) for line in values])
