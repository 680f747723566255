"""How well one threshold tells genuine pairs from impostors: ROC and distributions of the distances.

A genuine pair is a query and one of its matches, an impostor pair a query and another person's gallery image; junk is neither.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from dcac_fastreid.analysis.figures import COLOURS, FAINT, draw_panels, legend, style
from dcac_fastreid.analysis.run import Run
from dcac_fastreid.analysis.test_set import TestSet
from dcac_fastreid.errors import InputError
from dcac_fastreid.evaluation.roc import rejection_rates
from dcac_fastreid.names import shortened
from dcac_fastreid.pages.content import Grid, Section

RATES = (1e-2, 1e-3, 1e-4)  # of false matches
BINS = 80
PANEL = (3.7, 3.5)  # inches
LONGEST_TITLE = 40  # letters, of a panel


@dataclass(frozen=True)
class Pairs:
    """All pairs of a test set. P genuine ones.

    Attributes:
        genuine: (P,), distances, ascending.
        false_matches: (P,), share of the impostor pairs that a threshold at each genuine distance accepts with it.
        num_impostors: number of impostor pairs.
        edges: of the bins, (BINS + 1,). genuine_density, impostor_density: per bin, of integral 1.
    """

    genuine: np.ndarray
    false_matches: np.ndarray
    num_impostors: int
    edges: np.ndarray
    genuine_density: np.ndarray
    impostor_density: np.ndarray

    @property
    def true_matches(self) -> np.ndarray:
        """(P,), share of the genuine pairs that a threshold at each genuine distance accepts."""
        return np.searchsorted(self.genuine, self.genuine, side="right") / len(self.genuine)

    def at(self, rate: float) -> tuple[float, float] | None:
        """Share of genuine pairs accepted where no more than a share `rate` of impostors is, and the distance that does it.

        None where there are too few impostor pairs to tell: fewer than 1 / rate.
        """
        if self.num_impostors * rate < 1:
            return None
        last = np.searchsorted(self.false_matches, rate, side="right") - 1
        return (float(self.true_matches[last]), float(self.genuine[last])) if last >= 0 else (0.0, float("nan"))


def pairs_of(test_set: TestSet) -> Pairs:
    """Exact, and in bounded memory: one pass keeps the genuine distances, a second one counts the impostors below each.

    Raises: InputError: there is no impostor pair.
    """
    kept, low, high = [], np.inf, -np.inf
    for first, block in _with_progress(test_set, "genuine pairs"):
        low, high = min(low, block.min()), max(high, block.max())
        for row, values in enumerate(block):
            same_person, is_junk = test_set.matches.of(first + row)
            kept.append(values[same_person[~is_junk]])
    genuine = np.sort(np.concatenate(kept))
    edges = np.linspace(low, high, BINS + 1)
    below, histogram = np.zeros(len(genuine) + 1, dtype=np.int64), np.zeros(BINS, dtype=np.int64)
    for first, block in _with_progress(test_set, "impostor pairs"):
        for row, values in enumerate(block):
            impostors = np.sort(np.delete(values, test_set.matches.of(first + row)[0]))
            below += np.bincount(np.searchsorted(genuine, impostors), minlength=len(below))
            histogram += np.histogram(impostors, edges)[0]
    total = int(below.sum())
    if not total:
        raise InputError(
            f"{test_set.name} has one person alone, so no pair of two people; expected two or more: choose another test set"
        )
    return Pairs(
        genuine=genuine,
        false_matches=below.cumsum()[:-1] / total,
        num_impostors=total,
        edges=edges,
        genuine_density=np.histogram(genuine, edges, density=True)[0],
        impostor_density=histogram / total / np.diff(edges),
    )


def _with_progress(test_set: TestSet, what: str) -> Iterator[tuple[int, np.ndarray]]:
    with tqdm(total=test_set.num_query, desc=what, unit="query", disable=None, leave=False) as bar:
        for first, block in test_set.distances:
            yield first, block
            bar.update(len(block))


def sections(run: Run, *, others: Sequence[Run] = ()) -> list[Section]:
    """On the run's test set: ROC of all runs in one panel, and a panel of the distributions for each.

    Args:
        others: runs to show beside it.
    Raises: InputError: a test set of one person alone, or runs whose distances are of different kinds.
    """
    runs = [run, *others]
    for other in others:
        _check_same_measure(run, other)
    test_sets = [each.test_set(run.test_set().name) for each in runs]
    pairs = [pairs_of(test_set) for test_set in test_sets]
    name = test_sets[0].name
    genuine = "the same person" + (" by another camera" if test_sets[0].has_cameras else "")
    caption = (
        f"Pairs of a query and a gallery image of {name}: {len(pairs[0].genuine):,} genuine ({genuine}), "
        f"{pairs[0].num_impostors:,} impostors (another person). A threshold accepts every pair that is nearer. ROC: the share "
        "of genuine pairs that it accepts (TPR) against the share of impostors, the false-match rate (FPR). The other panels: "
        "where the two kinds lie."
    )
    names = [each.name for each in runs]
    png, panels = _draw(names, pairs, test_sets[0].similarity)
    numbers = _numbers(runs, test_sets, pairs)
    return [
        Section(
            "distances", f"ROC and distances on {name}", png, caption, panels=panels, legend=legend(names), grid=numbers
        )
    ]


def _check_same_measure(run: Run, other: Run) -> None:
    ours, theirs = (
        (each.cfg.TEST.METRIC, each.cfg.TEST.RERANK.ENABLED, each.cfg.TEST.AQE.ENABLED) for each in (run, other)
    )
    if ours != theirs:
        raise InputError(
            f"TEST.METRIC, TEST.RERANK.ENABLED and TEST.AQE.ENABLED are {', '.join(map(str, theirs))} of {other.checkpoint}, but "
            f"{', '.join(map(str, ours))} of {run.checkpoint}; give one value of each at the end of the command, for all runs"
        )


def _numbers(runs: Sequence[Run], test_sets: Sequence[TestSet], pairs: Sequence[Pairs]) -> Grid:
    """Of each run the share of genuine pairs accepted at RATES, and what fast-reid calls TPR@FPR."""
    rates = [f"{rate:.0e}" for rate in RATES]
    rows = []
    for run, test_set, each in zip(runs, test_sets, pairs, strict=True):
        # What TEST.ROC reports. It calls non-matches positive: of them, the share rejected where so many matches are.
        theirs = rejection_rates(test_set.distances, test_set.matches, RATES)
        shares = [_share(each.at(rate), test_set.similarity) for rate in RATES]
        rows.append([run.name, *shares, *(f"{share:.1%}" for share in theirs)])
    groups = [("", 1), ("TPR: genuine pairs accepted, by FPR", len(RATES))]
    groups.append(("impostors rejected, by the share of genuine pairs rejected: fast-reid's TPR@FPR", len(RATES)))
    return Grid(["run", *rates, *rates], rows, groups)


def _share(found: tuple[float, float] | None, similarity: bool) -> str:
    return "too few impostors" if found is None else f"{found[0]:.1%} ({_measure(found[1], similarity)})"


def _measure(distance: float, similarity: bool) -> str:
    return f"similarity from {1 - distance:.2f}" if similarity else f"distance to {distance:.2f}"


def _draw(names: Sequence[str], pairs: Sequence[Pairs], similarity: bool) -> tuple[bytes, list[bytes]]:
    """See draw_panels; the distributions have one scale."""
    edges = np.concatenate([1 - each.edges if similarity else each.edges for each in pairs])
    highest = max(max(each.genuine_density.max(), each.impostor_density.max()) for each in pairs)

    def draw_distributions(name: str, each: Pairs):
        def draw(figure):
            axes = figure.subplots()
            _draw_distributions(axes, name, each, similarity)
            axes.set_xlim(edges.min(), edges.max())
            axes.set_ylim(0, 1.05 * highest)

        return draw

    panels = [lambda figure: _draw_roc(figure.subplots(), pairs), *map(draw_distributions, names, pairs)]
    return draw_panels(panels, *PANEL, columns=len(panels), names=names)


def _draw_roc(axes, pairs: Sequence[Pairs]) -> None:
    least = 1 / max(each.num_impostors for each in pairs)
    for number, each in enumerate(pairs):
        shares = np.append(each.false_matches, 1.0), np.append(each.true_matches, 1.0)
        axes.plot(np.maximum(shares[0], least), shares[1], drawstyle="steps-post", **style(number))
    for rate in RATES:
        if rate > least:
            axes.axvline(rate, color=FAINT, linewidth=0.6, zorder=0)
    axes.set_xscale("log")
    axes.set_xlim(least, 1)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("false-match rate (share of impostors accepted)")
    axes.set_ylabel("share of genuine pairs accepted")
    axes.set_title("ROC")


def _draw_distributions(axes, name: str, pairs: Pairs, similarity: bool) -> None:
    edges = 1 - pairs.edges if similarity else pairs.edges  # descending where turned round, which stairs takes
    for density, label, colour, line in (
        (pairs.impostor_density, "impostors", COLOURS[1], "--"),
        (pairs.genuine_density, "genuine pairs", COLOURS[0], "-"),
    ):
        axes.stairs(density, edges, color=colour, fill=True, alpha=0.25)
        axes.stairs(density, edges, color=colour, linestyle=line, linewidth=1.5, label=label)
    axes.set_xlabel("cosine similarity" if similarity else "distance")
    axes.set_ylabel("density of the pairs of a kind")
    axes.set_title(shortened(name, LONGEST_TITLE))
    axes.legend(loc="upper left")
