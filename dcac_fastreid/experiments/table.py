"""From a table's specification and the results of its runs to the filled table."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dcac_fastreid.errors import InputError
from dcac_fastreid.experiments.protocols import Column, TableSpec
from dcac_fastreid.experiments.rows import ROWS
from dcac_fastreid.experiments.stamps import combined_stamp, describe_differences
from dcac_fastreid.experiments.statistics import Comparison, mean_and_deviation, paired_comparison
from dcac_fastreid.experiments.telemetry_means import telemetry_means

METRICS = {"mAP": "AP", "Rank-1": "Rank-1"}  # name in a result's scores -> name in its scores of single queries


@dataclass(frozen=True)
class Score:
    """One metric of a cell, in per cent.

    Attributes:
        mean, deviation: over seeds. No mean: not run. No deviation: fewer than two seeds.
        by_seed: each run's own score. Of an average over columns: the seeds that all columns have.
        published: what the paper prints; None where it prints nothing or is not comparable.
        to_published: mean minus published.
        comparison: with the reference row; None for the reference itself, and where one of the two has not run.
    """

    mean: float | None
    deviation: float | None
    by_seed: Mapping[int, float]
    published: float | None
    to_published: float | None
    comparison: Comparison | None


@dataclass(frozen=True)
class Cell:
    """A row on a column, or its average over the columns.

    Attributes:
        scores: by the names of METRICS.
        marks: what a reader must know about the scores, such as "picked by its result on D".
        comparison_marks: the same about the comparison; it has the reference's marks too.
    """

    scores: Mapping[str, Score]
    marks: tuple[str, ...]
    comparison_marks: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """A method; cells in the order of the table's columns.

    Attributes:
        name: its key in ROWS.
        label: its name in the paper, which a reader sees.
        telemetry: mean over the row's runs by name; empty where none has any.
    """

    name: str
    label: str
    cells: tuple[Cell, ...]
    average: Cell
    telemetry: Mapping[str, float]


@dataclass(frozen=True)
class Table:
    """A filled table.

    Attributes:
        reference: name of the row that all others are compared with.
        stamp: dotted name -> the distinct values that the runs have.
        notes: sentences about the table as a whole.
        runs: the results that it was made from, without the scores of single queries.
    """

    name: str
    title: str
    reference: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    stamp: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...]
    runs: tuple[Mapping, ...]


def build_table(spec: TableSpec, results: Iterable[Mapping], *, published: bool) -> Table:
    """Fills a table; results of other rows and sources are left aside, and what did not run stays "not run".

    Args:
        results: one for each training: {"row", "source", "seed", "scores", "queries", "stamp", "marks", "seconds",
            "telemetry"}; marks by target, {"D": ["picked by its result on D"]}.
        published: whether the paper's numbers are comparable; not so on the synthetic world.
    Raises:
        InputError: two results of one row, source and seed; rows that were tested on different numbers of queries.
    """
    sources = {source for source, _ in spec.columns}
    used = [result for result in results if result["row"] in spec.rows and result["source"] in sources]
    _refuse_duplicates(used)
    runs = {row: [result for result in used if result["row"] == row] for row in spec.rows}
    notes: dict[str, None] = dict.fromkeys(_stamp_differences(used))  # a dict: each once, in order
    rows = []
    for name in spec.rows:
        paper = {column: spec.published.get((name, column)) for column in spec.columns} if published else {}
        other = None if name == spec.reference else runs[spec.reference]
        cells = tuple(_cell(runs[name], other, (column,), spec.reference, paper, notes) for column in spec.columns)
        average = _cell(runs[name], other, spec.columns, spec.reference, paper, notes)
        rows.append(Row(name, ROWS[name].label, cells, average, telemetry_means(runs[name])))
    return Table(
        spec.name,
        spec.title,
        spec.reference,
        spec.columns,
        tuple(rows),
        combined_stamp(used),
        tuple(notes),
        tuple({key: value for key, value in run.items() if key != "queries"} for run in used),
    )


def _stamp_differences(results: Sequence[Mapping]) -> list[str]:
    """Sentences in which a row has its label."""
    return describe_differences([{**result, "row": ROWS[result["row"]].label} for result in results])


def _refuse_duplicates(results: Sequence[Mapping]) -> None:
    seen = set()
    for result in results:
        key = (result["row"], result["source"], result["seed"])
        if key in seen:
            row, source, seed = key
            raise InputError(
                f"there are two results of row {row}, source {source}, seed {seed}; expected one, remove the other"
            )
        seen.add(key)


def _cell(runs, reference_runs, columns: Sequence[Column], reference: str, paper: Mapping, notes: dict) -> Cell:
    """A cell over one column, or the average over several.

    Args:
        runs, reference_runs: results of the row and of the reference row; None for the reference row itself.
        paper: column -> published mAP and Rank-1, or None.
        notes: receives what has no place in a cell.
    """
    ran = [column for column in columns if _scores(runs, column, "mAP")]
    marks = _marks(runs, ran)
    if 0 < len(ran) < len(columns):
        marks += (f"average over {len(ran)} of {len(columns)} columns",)
    scores, comparison_marks = {}, ()
    for place, (metric, query_metric) in enumerate(METRICS.items()):
        comparison = None
        if reference_runs is not None:
            comparison = _compared(runs, reference_runs, ran, query_metric, reference, notes)
        if comparison:
            touched = [*_marks(runs, comparison.columns), *_marks(reference_runs, comparison.columns)]
            caveats = _caveats(comparison, runs, reference_runs, columns, reference)
            comparison_marks = tuple(dict.fromkeys([*touched, *caveats]))
        printed = [pair[place] for column in columns if (pair := paper.get(column))]
        published = sum(printed) / len(columns) if len(printed) == len(columns) else None
        scores[metric] = _score(runs, ran, metric, published if len(ran) in (0, len(columns)) else None, comparison)
    return Cell(scores, marks, comparison_marks)


def _score(runs, ran: Sequence[Column], metric: str, published: float | None, comparison: Comparison | None) -> Score:
    if not ran:
        return Score(None, None, {}, published, None, None)
    columns = [_scores(runs, column, metric) for column in ran]
    by_seed = {
        seed: sum(column[seed] for column in columns) / len(columns)
        for seed in sorted(set.intersection(*(set(column) for column in columns)))
    }
    mean = sum(mean_and_deviation(list(column.values()))[0] for column in columns) / len(columns)
    deviation = mean_and_deviation(list(by_seed.values()))[1] if by_seed else None
    return Score(mean, deviation, by_seed, published, None if published is None else mean - published, comparison)


def _compared(runs, reference_runs, ran, query_metric: str, reference: str, notes: dict) -> Comparison | None:
    """The comparison over the columns that both rows have with a common seed; a note where only the seeds are in the way."""
    row, other = {}, {}
    for column in ran:
        ours, theirs = _queries(runs, column, query_metric), _queries(reference_runs, column, query_metric)
        if ours.keys() & theirs.keys():
            row[column], other[column] = ours, theirs
        elif theirs:
            source, target = column
            notes[
                f"{ROWS[runs[0]['row']].label}, {source} -> {target}: not compared, because no seed ({_numbers(ours)}) is "
                f"among those of {ROWS[reference].label} ({_numbers(theirs)})."
            ] = None
    return paired_comparison(row, other) if row else None


def _caveats(comparison: Comparison, runs, reference_runs, columns: Sequence[Column], reference: str) -> list[str]:
    """What limits a comparison: columns left out, a single seed, seeds that only one of the rows has."""
    caveats = []
    if len(comparison.columns) < len(columns):
        caveats.append(f"compared over {len(comparison.columns)} of {len(columns)} columns")
    single = [source for source, number in comparison.seeds.items() if number == 1]
    if single:
        where = "" if len(single) == len(comparison.seeds) else f" on {', '.join(single)}"
        caveats.append(f"one seed{where}: the interval covers the queries, not the noise of training")
    fewer = [
        f"{number} on {source}"
        for source, number in comparison.seeds.items()
        if any(len(_seeds(side, source)) > number for side in (runs, reference_runs))
    ]
    if fewer:
        caveats.append(f"paired over the seeds in common with {ROWS[reference].label}: {', '.join(fewer)}")
    return caveats


def _marks(runs, columns: Iterable[Column]) -> tuple[str, ...]:
    """Marks of the results that the columns' scores come from, each once; a column has those of its own target alone."""
    touched = [run["marks"].get(target, ()) for source, target in columns for run in runs if run["source"] == source]
    return tuple(dict.fromkeys(mark for of_target in touched for mark in of_target))


def _scores(runs, column: Column, metric: str) -> dict[int, float]:
    source, target = column
    return {r["seed"]: r["scores"][target][metric] for r in runs if r["source"] == source and target in r["scores"]}


def _queries(runs, column: Column, metric: str) -> dict[int, Sequence[float]]:
    source, target = column
    return {r["seed"]: r["queries"][target][metric] for r in runs if r["source"] == source and target in r["queries"]}


def _seeds(runs, source: str) -> set[int]:
    return {run["seed"] for run in runs if run["source"] == source}


def _numbers(seeds: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(seeds)))
