"""Can a table see what is known to help? Where it cannot, it gives no verdict on other rows either."""

from collections.abc import Sequence
from dataclasses import replace

from dcac_fastreid.experiments.statistics import BETTER, NO_VERDICT

DECISIVE = "mAP"  # of a control's average


def judged_by_controls(rows: Sequence, reference: str) -> tuple[list, list[str]]:
    """The rows of a table, and a sentence if one of its controls does not show; then rows that are no control lose their verdicts.

    A control shows if its average is better than the reference in mAP, with its interval.

    Args:
        rows: table.Row, of a table that may have no controls.
        reference: the reference row's label.
    """
    unseen = [row.label for row in rows if row.control and not _shows(row)]
    if not unseen:
        return list(rows), []
    sentence = (
        f"No verdict on any row: {', '.join(unseen)} should be better than {reference} in average {DECISIVE}, and this table "
        "does not show it. What it does not see in a lever that is known to help, it may miss in others."
    )
    return [row if row.control else _without_verdicts(row) for row in rows], [sentence]


def _shows(row) -> bool:
    comparison = row.average.scores[DECISIVE].comparison
    return comparison is not None and comparison.verdict == BETTER


def _without_verdicts(row):
    return replace(row, cells=tuple(map(_unjudged, row.cells)), average=_unjudged(row.average))


def _unjudged(cell):
    scores = {
        metric: replace(score, comparison=score.comparison and replace(score.comparison, verdict=NO_VERDICT))
        for metric, score in cell.scores.items()
    }
    return replace(cell, scores=scores)
