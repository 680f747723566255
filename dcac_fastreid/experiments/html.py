"""Filled tables as one HTML page that needs nothing else: no script, no network."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from dcac_fastreid.experiments.layout import (
    HEADINGS,
    PAPER,
    TO_PAPER,
    blocks,
    cells,
    compared_rows,
    comparison_text,
    explanations,
    footnote_letters,
    headings,
    interval_text,
    labels,
    minus_reference,
    references,
    score_lines,
    telemetry_names,
    telemetry_texts,
    title,
    uncertainty_grids,
)
from dcac_fastreid.experiments.table import METRICS, Cell, Row, Table
from dcac_fastreid.pages.content import Grid
from dcac_fastreid.pages.template import render

TELEMETRY_SIDE_BY_SIDE = 6  # columns
MARGIN = 0.04  # of a scale, on both sides
FEW_SEEDS = 10  # whose scores are written out

Scale = tuple[float, float]  # what the left and the right end of an axis stand for


def as_html(tables: Table | Iterable[Table], command: str) -> str:
    """A page with one or several tables: scores, verdicts, intervals, telemetry, notes, runs and their metadata.

    Args:
        command: the command line, or several lines, that make it again.
    """
    tables = [tables] if isinstance(tables, Table) else list(tables)
    return render(
        "results.html.j2",
        title=", ".join(map(title, tables)),
        tables=[_values(table) for table in tables],
        command=command,
    )


def _values(table: Table) -> dict[str, Any]:
    """What the template shows of a table."""
    return {
        "title": title(table),
        "synthetic": title(table) != table.title,
        "metrics": list(HEADINGS.values()),
        "scores": [_scores(table, block) for block in blocks(table)],
        "reference": labels(table)[table.reference],
        "comparisons": [_comparisons(table, metric) for metric in METRICS] if compared_rows(table) else [],
        "uncertainty": [Grid(header, lines) for header, lines in uncertainty_grids(table)],
        "telemetry": _telemetry(table),
        "explanations": explanations(table),
        "seeds": [_seeds(table, metric) for metric in METRICS],
        "runs": _runs(table),
        "metadata": [(name, "; ".join(values)) for name, values in table.stamp.items()],
    }


def _scores(table: Table, block: Sequence[int]) -> dict[str, Any]:
    lines = []
    for row in table.rows:
        for name, texts in score_lines(table, row):
            of_block = [texts[place * len(METRICS) + number] for place in block for number in range(len(METRICS))]
            lines.append({"name": name, "paper": name in (PAPER, TO_PAPER), "texts": of_block})
    return {"headings": _headings(table, block), "lines": lines}


def _headings(table: Table, block: Sequence[int]) -> list[str]:
    return [headings(table)[place] for place in block]


def _blocks(table: Table, rows: Sequence[Row], cell: Callable, heading: Callable) -> list[dict[str, Any]]:
    """Grids of `cell(cell, place)`, the columns called by `heading(place)`."""
    return [
        {
            "headings": [heading(place) for place in block],
            "lines": [
                {"name": row.label, "cells": [cell(cells(table, row)[place], place) for place in block]} for row in rows
            ],
        }
        for block in blocks(table)
    ]


def _comparisons(table: Table, metric: str) -> dict[str, Any]:
    """Differences to the reference with their intervals, all drawn to one scale."""
    letters, rows, names = footnote_letters(table), compared_rows(table), headings(table)
    found = [cell.scores[metric].comparison for row in rows for cell in cells(table, row)]
    scale = _scale([0.0, *(end for each in found if each for end in (each.low, each.high))])

    def shown(cell: Cell, place: int) -> dict[str, Any]:
        comparison = cell.scores[metric].comparison
        if comparison is None:
            return {"text": comparison_text(cell, metric, letters), "marks": None}
        text = f"{comparison.difference:+.1f} {comparison.verdict}{references(cell.comparison_marks, letters)}"
        low, high = (_place(end, scale) for end in (comparison.low, comparison.high))
        marks = _marks(scale, [comparison.difference], "dot", (low, high - low), comparison.verdict)
        return {"text": text, "interval": interval_text(comparison).split(" ", 1)[1], "marks": marks}

    return {
        "title": f"{HEADINGS[metric]} {minus_reference(table)}, with the 95 % interval",
        "scale": f"Percentage points. Every bar is an interval, from {scale[0]:+.1f} at the left end of the grey field to "
        f"{scale[1]:+.1f} at its right end; the black line is 0, no difference.",
        "blocks": _blocks(table, rows, shown, names.__getitem__),
    }


def _seeds(table: Table, metric: str) -> dict[str, Any]:
    """The score of every single training, and their mean; a scale for each column."""
    scores = [[cells(table, row)[place].scores[metric] for row in table.rows] for place in range(len(headings(table)))]
    scales = [_scale([value for score in column for value in score.by_seed.values()]) for column in scores]

    def shown(cell: Cell, place: int) -> dict[str, Any]:
        score = cell.scores[metric]
        values = list(score.by_seed.values())
        if score.mean is None or not values:
            return {"text": "-", "marks": None}
        text = " ".join(f"{value:.1f}" for value in values) if len(values) <= FEW_SEEDS else f"{len(values)} seeds"
        marks = _marks(scales[place], values, "run", None, "") | {"zero": _place(score.mean, scales[place])}
        return {"text": text, "marks": marks}

    def heading(place: int) -> str:
        low, high = scales[place]
        return f"{headings(table)[place]}, {low:.1f} to {high:.1f}"

    return {"title": f"{HEADINGS[metric]} in per cent", "blocks": _blocks(table, table.rows, shown, heading)}


def _marks(scale: Scale, values: Sequence[float], kind: str, range: tuple[float, float] | None, verdict: str) -> dict:
    """What is drawn on an axis: points of a kind, a range as (left, width), and the line of 0; places in per cent of its width."""
    zero = _place(0.0, scale) if scale[0] <= 0 <= scale[1] else None
    points = [_place(value, scale) for value in values]
    return {"points": points, "kind": kind, "range": range, "verdict": verdict, "zero": zero}


def _scale(values: Sequence[float]) -> Scale:
    finite = [value for value in values if math.isfinite(value)] or [0.0]
    margin = MARGIN * (max(finite) - min(finite)) or 1.0
    return min(finite) - margin, max(finite) + margin


def _place(value: float, scale: Scale) -> float:
    """In per cent of the scale; what is infinite lies at its end."""
    low, high = scale
    return round(100 * (min(max(value, low), high) - low) / (high - low), 1)


def _telemetry(table: Table) -> list[Grid]:
    names = telemetry_names(table)
    parts = [slice(begin, begin + TELEMETRY_SIDE_BY_SIDE) for begin in range(0, len(names), TELEMETRY_SIDE_BY_SIDE)]
    return [
        Grid(["", *names[part]], [[row.label, *telemetry_texts(table, row)[part]] for row in table.rows])
        for part in parts
    ]


def _runs(table: Table) -> list[list[str]]:
    label_of = labels(table)
    return [
        [
            label_of[run["row"]], run["source"], str(run["seed"]), f"{run['seconds']:.0f}",
            "; ".join(sum(run["marks"].values(), [])),
        ]
        for run in table.runs
    ]  # fmt: skip
