"""Parts of the variance: known ones are found, and intervals of them cover the truth."""

import numpy as np
import pytest
from scipy.special import stdtrit

from dcac_fastreid.experiments.variance import variance_between, variance_of_mean

SOURCES = TARGETS = ("MA", "D", "MS", "C3")


def simulated(
    rng, *, seeds, people, queries, training=0.0, person=0.0, query=0.0, pair=0.0, data=(0,), sources=SOURCES
):
    """Differences without any true one, from normal noise of these standard deviations; about so many queries a person.

    Args: seeds: a number, or one for each source.
    """
    differences, of_queries = {}, {}
    for data_seed in data:
        shared = {}
        for target in TARGETS:
            of = np.repeat(np.arange(people), rng.integers(max(1, queries - 2), queries + 3, people))
            shared[target] = person * rng.normal(size=people)[of] + query * rng.normal(size=of.size)
            of_queries[data_seed, target] = of
        for position, source in enumerate(sources):
            number = seeds if isinstance(seeds, int) else seeds[position]
            of_trainings = training * rng.normal(size=(number, 1))
            for target in (target for target in TARGETS if target != source):
                noise = pair * rng.normal(size=(number, shared[target].size))
                differences[data_seed, source, target] = of_trainings + shared[target] + noise
    return differences, of_queries


def test_two_seeds_two_people_and_two_queries_each_by_hand():
    """Means of the trainings -2 and 2; sums over a person's queries, a quarter each, -1.5 and 1.5; of her queries 0.25 apart."""
    of_queries = np.array([-3.5, -2.5, 2.5, 3.5])
    found = variance_of_mean({(None, "MA", "D"): np.array([[-2.0], [2.0]]) + of_queries}, {(None, "D"): [7, 7, 8, 8]})
    assert found.seeds == pytest.approx(8 / 2) and found.pairs == pytest.approx(0)
    # Each person: 2 / 1 times the squares of -1/8 and 1/8. Both: 0.125; between people: 2 / 1 times twice 1.5 squared.
    assert found.queries == pytest.approx(0.125) and found.people == pytest.approx(9 - 0.125)
    assert found.freedom == pytest.approx(13**2 / (4**2 / 1 + 9**2 / 1))


def test_one_seed_tells_nothing_of_seeds_and_pairs():
    values = np.random.default_rng(0).normal(size=(1, 40))
    found = variance_of_mean({(None, "MA", "D"): values}, {(None, "D"): range(40)})
    assert (found.seeds, found.queries, found.pairs) == (0, 0, 0)
    assert found.people == pytest.approx(values.var(ddof=1) / 40) and found.freedom == pytest.approx(39)


def test_one_seed_beside_several_has_their_spread():
    """Two trainings 4 apart on MA and one on MS, each source half of the mean: 8 / 2 / 4 of MA and 8 / 4 of MS."""
    differences = {(0, "MA", "D"): np.array([[-2.0] * 6, [2.0] * 6]), (0, "MS", "D"): np.zeros((1, 6))}
    found = variance_of_mean(differences, {(0, "D"): range(6)})
    assert found.seeds == pytest.approx(1 + 2) and found.total == pytest.approx(3) and found.freedom == pytest.approx(1)


def test_what_cancels_between_places_of_one_training_or_one_person_is_no_variance():
    rng = np.random.default_rng(0)
    for noise, places in (
        (rng.normal(size=(4, 1)) + np.zeros((4, 30)), [(0, "MA", "D"), (0, "MA", "MS")]),
        (rng.normal(size=(1, 30)) + np.zeros((4, 30)), [(0, "MA", "D"), (0, "C3", "D")]),
    ):
        people = dict.fromkeys([(0, "D"), (0, "MS"), (1, "D")], range(30))
        assert variance_of_mean(dict(zip(places, (noise, -noise), strict=True)), people).total < 1e-12
        apart = dict(zip([places[0], (1, "X", "D")], (noise, -noise), strict=True))
        assert variance_of_mean(apart, people).total > 1e-3


@pytest.mark.parametrize("part", ["training", "person", "query", "pair"])
def test_known_parts_are_found(part):
    """Each in turn prevails; over 40 data sets the estimates' means are the parts that the simulation was given."""
    rng = np.random.default_rng(0)
    size = {"training": 1.0, "person": 3.0, "query": 6.0, "pair": 10.0}
    size[part] *= 2
    found = []
    for _ in range(40):
        differences, people = simulated(rng, seeds=4, people=30, queries=5, **size)
        found.append(variance_of_mean(differences, people))
    # Per place 150 queries; places share trainings by threes of one source, people by threes of one target.
    expected = {
        "seeds": size["training"] ** 2 / (4 * 4),
        "people": size["person"] ** 2 / (30 * 4),
        "queries": size["query"] ** 2 / (150 * 4),
        "pairs": size["pair"] ** 2 / (150 * 4 * 12),
    }
    for name, value in expected.items():
        estimates = [getattr(variance, name) for variance in found]
        deviation = np.std(estimates) / len(estimates) ** 0.5
        assert np.mean(estimates) == pytest.approx(value, abs=4 * deviation + 0.12 * value), name


SIZES = {
    "seeds prevail": {"training": 1.0, "person": 1.0, "query": 1.0, "pair": 1.0},
    "people prevail": {"training": 0.1, "person": 5.0, "query": 3.0, "pair": 3.0},
    "a mixture": {"training": 1.0, "person": 8.0, "query": 8.0, "pair": 20.0},
}
SHAPES = {
    "equal seeds": {"seeds": 3},
    "two data sets": {"seeds": 5, "sources": ("MA", "MS"), "data": (1, 2)},
    "one seed on two sources": {"seeds": (5, 3, 1, 1)},
}
TOGETHER = list(zip(SIZES, SHAPES, strict=True))  # each of both once; the others in make test-slow


@pytest.mark.parametrize(
    ("size", "shape"),
    [
        pytest.param(size, shape, marks=() if (size, shape) in TOGETHER else pytest.mark.slow)
        for size in SIZES
        for shape in SHAPES
    ],
)
def test_95_per_cent_of_the_intervals_cover_the_truth(size, shape):
    """Of 300 tables 285; three standard deviations of that number are 11."""
    rng, covered = np.random.default_rng(0), 0
    for _ in range(300):
        differences, people = simulated(rng, people=30, queries=3, **SIZES[size], **SHAPES[shape])
        found = variance_of_mean(differences, people)
        mean = np.mean([values.mean() for values in differences.values()])
        covered += abs(mean) <= stdtrit(found.freedom, 0.975) * found.total**0.5
    assert 274 <= covered <= 296


def test_people_are_drawn_whole():
    """Queries that count as people of their own would make the interval far too narrow."""
    rng = np.random.default_rng(0)
    differences, people = simulated(rng, seeds=3, people=30, queries=10, person=5.0, query=1.0)
    alone = {test_set: range(len(of)) for test_set, of in people.items()}
    assert variance_of_mean(differences, people).total > 4 * variance_of_mean(differences, alone).total


def test_data_sets_have_the_variance_that_their_single_estimates_do_not_explain():
    rng = np.random.default_rng(0)
    true = 2.0 * rng.normal(size=4000)
    assert variance_between(true + rng.normal(size=4000), np.ones(4000)) == pytest.approx(4.0, rel=0.1)
    assert variance_between([1.0, 1.1, 0.9], [1.0, 1.0, 1.0]) == 0
