"""Can a table see what is known to help? Where it cannot, it gives no verdict on other rows either."""

from collections.abc import Sequence
from dataclasses import replace

from dcac_fastreid.experiments.statistics import BETTER, NO_VERDICT
from dcac_fastreid.experiments.variance import Place

DECISIVE = "mAP"  # of a control's average


def judged_by_controls(rows: Sequence, reference: str) -> tuple[list, list[str]]:
    """The rows of a table, and a sentence if one of its controls does not show; then rows that are no control lose their verdicts.

    A control shows if its average is better than the reference in mAP, with its interval, and is over all columns and data
    sets on which any other row is compared.

    Args:
        rows: table.Row, of a table that may have no controls.
        reference: the reference row's label.
    """
    compared = [places for row in rows if not row.control and (places := _compared(row))]
    sentences = []
    for row in rows:
        if not row.control:
            continue
        should = f"No verdict on any row: {row.label} should be better than {reference} in average {DECISIVE}"
        missing = {place: None for places in compared for place in places if place not in _compared(row)}
        if row.average.scores[DECISIVE].mean is None:
            sentences.append(f"{should}, and it has not run.")
        elif not _compared(row):
            sentences.append(f"{should}, and the two have no run in common.")
        elif missing:
            sentences.append(
                f"{should}, and it is not compared on {', '.join(map(_name, missing))}, where another row is."
            )
        elif row.average.scores[DECISIVE].comparison.verdict != BETTER:
            sentences.append(
                f"{should}, and this table does not show it. What it does not see in a lever that is known to help, it may miss "
                "in others."
            )
    return [row if row.control or not sentences else _without_verdicts(row) for row in rows], sentences


def _compared(row) -> list[Place]:
    """Data set, source and target of what the row's average is compared over."""
    comparison = row.average.scores[DECISIVE].comparison
    return list(comparison.places) if comparison else []


def _name(place: Place) -> str:
    data_seed, source, target = place
    return f"{source} -> {target}" + ("" if data_seed is None else f" of data set {data_seed}")


def _without_verdicts(row):
    return replace(row, cells=tuple(map(_unjudged, row.cells)), average=_unjudged(row.average))


def _unjudged(cell):
    scores = {
        metric: replace(score, comparison=score.comparison and replace(score.comparison, verdict=NO_VERDICT))
        for metric, score in cell.scores.items()
    }
    return replace(cell, scores=scores)
