import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.metrics import roc_curve

from dcac_fastreid.analysis import distances
from dcac_fastreid.analysis.run import Run
from dcac_fastreid.errors import InputError


@pytest.fixture
def random_set(make_test_set):
    """30 queries, 170 gallery images of 12 people by 3 cameras, some of the same distance."""
    generator = np.random.default_rng(1)
    people, cameras = generator.integers(0, 12, 200), generator.integers(0, 3, 200)
    centres = generator.normal(size=(12, 6))
    features = np.round(centres[people] + generator.normal(size=(200, 6)), 0)
    return make_test_set(features, people, cameras, num_query=30, metric="euclidean")


def plain_pairs(test_set):
    """Genuine and impostor distances, by a plain loop."""
    genuine, impostors, queries = [], [], test_set.num_query
    for query in range(queries):
        for image in range(queries, len(test_set.people)):
            distance = float((test_set.features[query] - test_set.features[image]).square().sum())
            if test_set.people[query] != test_set.people[image]:
                impostors.append(distance)
            elif test_set.cameras[query] != test_set.cameras[image]:
                genuine.append(distance)
    return np.sort(genuine), np.sort(impostors)


def test_pairs_are_those_of_a_plain_loop(random_set):
    pairs = distances.pairs_of(random_set)
    genuine, impostors = plain_pairs(random_set)
    np.testing.assert_allclose(pairs.genuine, genuine, atol=1e-3)
    assert pairs.num_impostors == len(impostors)
    width = np.diff(pairs.edges)
    assert (pairs.genuine_density * width).sum() == pytest.approx(1)
    assert (pairs.impostor_density * width).sum() == pytest.approx(1)
    middle = np.searchsorted(pairs.edges, np.median(impostors))
    expected = np.mean(impostors < pairs.edges[middle])
    assert (pairs.impostor_density * width)[:middle].sum() == pytest.approx(expected, abs=0.02)


def test_rates_are_scikit_learns(random_set):
    pairs = distances.pairs_of(random_set)
    genuine, impostors = plain_pairs(random_set)
    labels = np.repeat([1, 0], [len(genuine), len(impostors)])
    fpr, tpr, _ = roc_curve(labels, -np.concatenate([genuine, impostors]), drop_intermediate=False)
    for rate in (0.3, 0.05, 1e-2, 1e-3):
        share, threshold = pairs.at(rate)
        assert share == pytest.approx(tpr[fpr <= rate].max())
        assert np.mean(impostors <= threshold + 1e-3) <= rate
        assert np.mean(genuine <= threshold + 1e-3) == pytest.approx(share)


def test_a_rate_below_one_impostor_is_unknown(random_set):
    pairs = distances.pairs_of(random_set)
    assert pairs.at(0.5 / pairs.num_impostors) is None
    assert pairs.at(1 / pairs.num_impostors) is not None


def test_nothing_is_accepted_where_an_impostor_is_nearest(make_test_set):
    test_set = make_test_set([[0.0], [5.0], [1.0]], [1, 1, 2], [0, 1, 1], num_query=1, metric="euclidean")
    pairs = distances.pairs_of(test_set)
    assert pairs.genuine.tolist() == [25.0] and pairs.false_matches.tolist() == [1.0]
    assert pairs.at(1.0) == (1.0, 25.0)


def test_the_numbers_of_each_run_stand_below(dcac_run, baseline_run):
    (section,) = distances.sections(dcac_run, others=[baseline_run])
    assert section.title == "ROC and distances on DG_DukeMTMC"
    assert [row[0] for row in section.grid.rows] == [dcac_run.name, baseline_run.name]
    assert all(row[3] == "too few impostors" for row in section.grid.rows)  # 6 people cannot tell a rate of 1e-04
    assert len(section.panels) == 3


@pytest.mark.parametrize("similarity", [True, False])
def test_the_axis_is_that_of_its_label(random_set, similarity):
    pairs, axes = distances.pairs_of(random_set), Figure().subplots()
    distances._draw_distributions(axes, "run", pairs, similarity)
    label, edges = ("cosine similarity", 1 - pairs.edges) if similarity else ("distance", pairs.edges)
    assert axes.get_xlabel() == label
    for drawn in axes.patches:
        np.testing.assert_array_equal(drawn.get_data().edges, edges)


def test_runs_of_other_distances_are_one_sentence(dcac_run, baseline_run):
    other = Run(baseline_run.checkpoint, opts=["TEST.METRIC", "euclidean"])
    with pytest.raises(InputError, match="are euclidean, False, False of .*, but cosine, False, False of"):
        distances.sections(dcac_run, others=[other])
