"""Plots of a filled table as SVG; the only import of matplotlib here, opened late because it takes a second."""

import io
import math

from dcac_fastreid.experiments.layout import (
    HEADINGS,
    cells,
    compared_rows,
    footnote_letters,
    headings,
    minus_reference,
    references,
)
from dcac_fastreid.experiments.statistics import BETTER, NO_VERDICT, WITHIN_NOISE, WORSE
from dcac_fastreid.experiments.table import Table

# Verdict -> colour and marker: different without colours too.
LOOKS = {
    BETTER: ("#1a7f37", "^"),
    WORSE: ("#b3261e", "v"),
    WITHIN_NOISE: ("#6e7781", "o"),
    NO_VERDICT: ("#6e7781", "x"),
}
PANELS_SIDE_BY_SIDE = 4
PANEL_WIDTH, LETTER_WIDTH, ROW_HEIGHT, MARGIN_HEIGHT = 3.0, 0.065, 0.28, 0.9  # inches
SETTINGS = {
    "svg.fonttype": "none",  # letters stay letters: small, and found by a search in the page
    "svg.hashsalt": "dcac_fastreid",  # the same table gives the same file
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def forest_plot(table: Table, metric: str) -> str:
    """A panel for each column: every row's difference to the reference row, with its 95 % interval."""
    rows, letters = compared_rows(table), footnote_letters(table)

    def draw(axes, place):
        axes.axvline(0, color="black", linewidth=0.8)
        for height, row in enumerate(rows):
            cell = cells(table, row)[place]
            comparison = cell.scores[metric].comparison
            if comparison:
                colour, marker = LOOKS[comparison.verdict]
                axes.plot([comparison.low, comparison.high], [height, height], color=colour, linewidth=1.5)
                axes.plot([comparison.difference], [height], marker, color=colour, markersize=5)
                _note(axes, comparison.high, height, references(cell.comparison_marks, letters))
        axes.set_xlabel(f"{HEADINGS[metric]} {minus_reference(table)}")

    return _panels(table, [row.label for row in rows], draw)


def _note(axes, x: float, height: int, text: str) -> None:
    axes.annotate(text, (x, height), xytext=(3, 0), textcoords="offset points", va="center", annotation_clip=False)


def _panels(table: Table, labels: list[str], draw) -> str:
    """SVG of a panel for each heading, all with one scale and the rows' labels, the first row on top.

    Args:
        draw: called with the panel's axes and the heading's place.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    titles = headings(table)
    width = min(len(titles), PANELS_SIDE_BY_SIDE)
    height = math.ceil(len(titles) / width)
    with rc_context(SETTINGS):
        margin = 0.5 + LETTER_WIDTH * max(map(len, labels))  # or long labels would press the panels together
        size = (PANEL_WIDTH * width + margin, (ROW_HEIGHT * len(labels) + MARGIN_HEIGHT) * height)
        figure = Figure(figsize=size, layout="constrained")
        panels = figure.subplots(height, width, squeeze=False, sharey=True, sharex=True).ravel()
        for place, axes in enumerate(panels):
            if place >= len(titles):
                axes.set_visible(False)
                continue
            draw(axes, place)
            axes.set_title(titles[place])
            axes.tick_params(labelbottom=True)  # a shared scale has them in the last line of panels alone
        panels[0].set_yticks(range(len(labels)), labels)
        panels[0].set_ylim(len(labels) - 0.5, -0.5)
        stream = io.StringIO()
        figure.savefig(stream, format="svg", metadata={"Date": None})
    svg = stream.getvalue()
    return svg[svg.index("<svg") :]  # without the prologue, which has no place inside of a page
