"""A filled table as text, Markdown and JSON, and all its forms as files."""

import json
import math
from dataclasses import asdict
from pathlib import Path

from tabulate import tabulate

from dcac_fastreid.experiments.html import as_html
from dcac_fastreid.experiments.layout import (
    COLUMNS_SIDE_BY_SIDE,
    HEADINGS,
    blocks,
    cells,
    compared_rows,
    comparison_text,
    explanations,
    footnote_letters,
    headings,
    minus_reference,
    score_lines,
    telemetry_names,
    telemetry_texts,
    title,
    uncertainty_grids,
)
from dcac_fastreid.experiments.plots import forest_plot
from dcac_fastreid.experiments.table import METRICS, Table
from dcac_fastreid.output_files import write_whole


def as_text(table: Table) -> str:
    """For the terminal."""
    return _document(table, "simple", heading=f"{title(table)}\n{'=' * len(title(table))}", item="")


def as_markdown(table: Table) -> str:
    """For a README or an issue."""
    return _document(table, "github", heading=f"## {title(table)}", item="- ")


def as_json(table: Table, command: str) -> str:
    """Everything: scores by seed, intervals, marks, notes, run metadata, runs, command. What is not a number (NaN) becomes null."""
    content = {**asdict(table), "command": command}
    return json.dumps(_finite(content), indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def write_table(table: Table, folder: Path, stem: str, command: str) -> list[Path]:
    """Writes STEM.txt, .md, .json and .html into a folder, each whole or not at all.

    Where rows are compared, STEM-mAP.svg and STEM-R1.svg hold the page's plots of the differences, for the Markdown file.

    Args:
        command: the command line that makes this table again.
    Raises: InputError: a file cannot be written.
    """
    again = f"Made by: {command}\n"
    # All are made before the first is written, so that a table that cannot be drawn leaves no mixture of old and new.
    plots = {f"-{HEADINGS[metric]}.svg": forest_plot(table, metric) for metric in METRICS if compared_rows(table)}
    shown = "".join(f"![{table.title}]({stem}{suffix})\n\n" for suffix in plots)
    contents = {
        **plots,
        ".txt": f"{as_text(table)}\n{again}",
        ".md": f"{as_markdown(table)}\n{shown}{again}",
        ".json": as_json(table, command),
        ".html": as_html(table, command),
    }
    paths = []
    for suffix, content in contents.items():
        path = Path(folder) / f"{stem}{suffix}"
        write_whole(path, lambda stream, content=content: stream.write(content.encode()))
        paths.append(path)
    return paths


def _document(table: Table, tablefmt: str, *, heading: str, item: str) -> str:
    grids = [
        *_score_grids(table, tablefmt),
        *_comparison_grids(table, tablefmt),
        *(_grid(lines, header, tablefmt) for header, lines in uncertainty_grids(table)),
        *_telemetry_grids(table, tablefmt),
    ]
    return "\n\n".join([heading, *grids, "\n".join(item + sentence for sentence in explanations(table))]) + "\n"


def _score_grids(table: Table, tablefmt: str) -> list[str]:
    """Rows are methods; each column has mAP and R1, as in the paper."""
    names, grids = headings(table), []
    for block in blocks(table):
        header = ["", *(f"{names[place]} {HEADINGS[metric]}" for place in block for metric in METRICS)]
        lines = []
        for row in table.rows:
            for name, texts in score_lines(table, row):
                of_block = [texts[place * len(METRICS) + k] for place in block for k in range(len(METRICS))]
                lines.append([name if name == row.label else f"- {name}", *of_block])
        grids.append(_grid(lines, header, tablefmt))
    return grids


def _comparison_grids(table: Table, tablefmt: str) -> list[str]:
    rows, names, letters, grids = compared_rows(table), headings(table), footnote_letters(table), []
    if not rows:
        return []
    for metric in METRICS:
        for block in blocks(table):
            header = [f"{HEADINGS[metric]} {minus_reference(table)}", *(names[place] for place in block)]
            lines = [
                [row.label, *(comparison_text(cells(table, row)[place], metric, letters) for place in block)]
                for row in rows
            ]
            grids.append(_grid(lines, header, tablefmt))
    return grids


def _telemetry_grids(table: Table, tablefmt: str) -> list[str]:
    names, grids = telemetry_names(table), []
    for start in range(0, len(names), COLUMNS_SIDE_BY_SIDE):
        block = slice(start, start + COLUMNS_SIDE_BY_SIDE)
        lines = [[row.label, *telemetry_texts(table, row)[block]] for row in table.rows]
        grids.append(_grid(lines, ["telemetry", *names[block]], tablefmt))
    return grids


def _grid(lines: list[list[str]], header: list[str], tablefmt: str) -> str:
    return tabulate(lines, header, tablefmt=tablefmt, disable_numparse=True)


def _finite(value):
    """The same, with null for numbers that JSON does not know."""
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
