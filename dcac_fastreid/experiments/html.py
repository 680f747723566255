"""Filled tables as one HTML page that needs nothing else: no script, no network."""

from collections.abc import Iterable
from html import escape

from dcac_fastreid.experiments.layout import (
    HEADINGS,
    cells,
    compared_rows,
    comparison_text,
    explanations,
    footnote_letters,
    headings,
    labels,
    score_lines,
    telemetry_names,
    telemetry_texts,
    uncertainty_grids,
)
from dcac_fastreid.experiments.plots import forest_plot, seed_plot
from dcac_fastreid.experiments.table import METRICS, Cell, Table

STYLE = """
body { font: 15px/1.5 sans-serif; color: #1f2328; max-width: 1200px; margin: 2em auto; padding: 0 1em; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: 1em 0; font-size: 13px; }
th, td { padding: 3px 9px; border-bottom: 1px solid #d1d9e0; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
tr.paper td { color: #59636e; border-bottom: none; }
td.better { color: #1a7f37; font-weight: bold; }
td.worse { color: #b3261e; font-weight: bold; }
td.long { white-space: normal; overflow-wrap: anywhere; text-align: left; }
pre { background: #f6f8fa; padding: 0.8em; overflow-x: auto; }
svg { max-width: 100%; height: auto; }
"""


def as_html(tables: Table | Iterable[Table], command: str) -> str:
    """A page with one or several tables: scores, verdicts, plots, telemetry, notes, stamps, runs.

    Args:
        command: the command line, or several lines, that make it again.
    """
    tables = [tables] if isinstance(tables, Table) else list(tables)
    title = escape(", ".join(table.title for table in tables))
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(_section(table) for table in tables)
        + f"\n<h2>Made by</h2>\n<pre>{escape(command)}</pre>\n</body>\n</html>\n"
    )


def _section(table: Table) -> str:
    parts = [f"<h1>{escape(table.title)}</h1>", _scores(table)]
    if compared_rows(table):
        parts += [f"<h2>Against {escape(labels(table)[table.reference])}</h2>", _comparisons(table)]
        parts += [forest_plot(table, metric) for metric in METRICS]
        parts += [_plain_grid(header, lines) for header, lines in uncertainty_grids(table)]
    if telemetry_names(table):
        parts += ["<h2>Telemetry</h2>", _telemetry(table)]
    parts += ["<h2>How to read it</h2>", *(f"<p>{escape(sentence)}</p>" for sentence in explanations(table))]
    parts += ["<h2>Runs</h2>", *(seed_plot(table, metric) for metric in METRICS), _runs(table)]
    parts += ["<h2>Stamp</h2>", _stamp(table)]
    return "\n".join(parts)


def _scores(table: Table) -> str:
    lines = []
    for row in table.rows:
        for name, texts in score_lines(table, row):
            opening = "<tr>" if name == row.label else '<tr class="paper">'
            lines.append(opening + "".join(f"<td>{escape(text)}</td>" for text in (name, *texts)) + "</tr>")
    return _grid(table, lines)


def _comparisons(table: Table) -> str:
    letters = footnote_letters(table)
    lines = []
    for row in compared_rows(table):
        texts = "".join(_comparison(cell, metric, letters) for cell in cells(table, row) for metric in METRICS)
        lines.append(f"<tr><td>{escape(row.label)}</td>{texts}</tr>")
    return _grid(table, lines)


def _comparison(cell: Cell, metric: str, letters) -> str:
    comparison = cell.scores[metric].comparison
    verdict = f' class="{comparison.verdict}"' if comparison else ""
    return f"<td{verdict}>{escape(comparison_text(cell, metric, letters))}</td>"


def _grid(table: Table, lines: list[str]) -> str:
    """A table of lines with the columns' names, and mAP and R1 below each."""
    over = "".join(f'<th colspan="{len(METRICS)}">{escape(name)}</th>' for name in headings(table))
    below = "".join(f"<th>{HEADINGS[metric]}</th>" for metric in METRICS) * len(headings(table))
    head = f"<thead><tr><th></th>{over}</tr><tr><th></th>{below}</tr></thead>"
    return f'<div class="wide"><table>{head}<tbody>\n' + "\n".join(lines) + "\n</tbody></table></div>"


def _telemetry(table: Table) -> str:
    lines = [[row.label, *telemetry_texts(table, row)] for row in table.rows]
    return _plain_grid(["", *telemetry_names(table)], lines)


def _plain_grid(header: list[str], lines: list[list[str]]) -> str:
    rows = ["<tr>" + "".join(f"<td>{escape(text)}</td>" for text in line) + "</tr>" for line in lines]
    names = "".join(f"<th>{escape(name)}</th>" for name in header)
    head = f"<thead><tr>{names}</tr></thead>"
    return f'<div class="wide"><table>{head}<tbody>\n' + "\n".join(rows) + "\n</tbody></table></div>"


def _runs(table: Table) -> str:
    label_of = labels(table)
    lines = [
        f"<tr><td>{escape(label_of[run['row']])}</td><td>{escape(run['source'])}</td><td>{run['seed']}</td>"
        f'<td>{run["seconds"]:.0f}</td><td class="long">{escape("; ".join(sum(run["marks"].values(), [])))}</td></tr>'
        for run in table.runs
    ]
    head = "<thead><tr><th>row</th><th>source</th><th>seed</th><th>seconds</th><th>marks</th></tr></thead>"
    summary = f"<summary>{len(lines)} runs</summary>"
    return f"<details>{summary}<table>{head}<tbody>\n" + "\n".join(lines) + "\n</tbody></table></details>"


def _stamp(table: Table) -> str:
    lines = [
        f'<tr><td>{escape(name)}</td><td class="long">{escape("; ".join(values))}</td></tr>'
        for name, values in table.stamp.items()
    ]
    return "<table><tbody>\n" + "\n".join(lines) + "\n</tbody></table>"
