"""From a table's specification and the results of its runs to the filled table."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from dcac_fastreid.errors import InputError
from dcac_fastreid.experiments.controls import judged_by_controls
from dcac_fastreid.experiments.places import data_seed_of, in_common, marks_on, scores_on
from dcac_fastreid.experiments.protocols import Column, TableSpec
from dcac_fastreid.experiments.remarks import caveats, incomplete_average, not_compared
from dcac_fastreid.experiments.rows import ROWS
from dcac_fastreid.experiments.run_metadata import combined_metadata, describe_differences
from dcac_fastreid.experiments.statistics import Comparison, mean_and_deviation, paired_comparison
from dcac_fastreid.experiments.telemetry_means import telemetry_means
from dcac_fastreid.experiments.variance import Place, TestSet

METRICS = {"mAP": "AP", "Rank-1": "Rank-1"}  # name in a result's scores -> name in its scores of single queries


@dataclass(frozen=True)
class Score:
    """One metric of a cell, in per cent.

    Attributes:
        mean, deviation: over seeds. No mean: not run. No deviation: fewer than two seeds.
        by_seed: each run's own score. Of an average over columns and data sets: the seeds that all of them have.
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
        control: whether it is known to be better than the reference: a table that does not show that says nothing of others.
        telemetry: mean over the row's runs by name; empty where none has any.
    """

    name: str
    label: str
    control: bool
    cells: tuple[Cell, ...]
    average: Cell
    telemetry: Mapping[str, float]


@dataclass(frozen=True)
class Table:
    """A filled table.

    Attributes:
        reference: name of the row that all others are compared with.
        data_seeds: of the synthetic data sets that the runs are on, ascending; (None,) on real data.
        stamp: dotted name -> the distinct values that the runs have.
        notes: sentences about the table as a whole.
        runs: the results that it was made from, without the scores of single queries.
    """

    name: str
    title: str
    reference: str
    columns: tuple[Column, ...]
    data_seeds: tuple[int | None, ...]
    rows: tuple[Row, ...]
    stamp: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...]
    runs: tuple[Mapping, ...]


def build_table(spec: TableSpec, results: Iterable[Mapping], *, published: bool) -> Table:
    """Fills a table; results of other rows and sources are left aside, and what did not run stays "not run".

    Args:
        results: one for each training: {"row", "source", "seed", "data_seed", "scores", "queries", "stamp", "marks",
            "seconds", "telemetry"}; marks by target, {"D": ["picked by its result on D"]}.
        published: whether the paper's numbers are comparable; not so on the synthetic data set.
    Raises:
        InputError: two results of one row, source, seed and data set; rows that were tested on different queries.
    """
    sources = {source for source, _ in spec.columns}
    used = [result for result in results if result["row"] in spec.rows and result["source"] in sources]
    _refuse_duplicates(used)
    runs = {row: [result for result in used if result["row"] == row] for row in spec.rows}
    data_seeds = tuple(sorted({data_seed_of(result) for result in used}, key=lambda seed: -1 if seed is None else seed))
    people, notes = _people(used, {target for _, target in spec.columns})
    labelled = [{**result, "row": ROWS[result["row"]].label} for result in used]
    notes = dict.fromkeys([*notes, *describe_differences(labelled)])  # a dict: each once, in order
    rows = []
    for name in spec.rows:
        paper = {column: spec.published.get((name, column)) for column in spec.columns} if published else {}
        other = None if name == spec.reference else runs[spec.reference]
        fill = partial(_cell, runs[name], other, data_seeds, people, paper, notes)
        cells, average = tuple(fill((column,)) for column in spec.columns), fill(spec.columns)
        control = name in spec.controls
        label = ROWS[name].label + " (control)" * control
        rows.append(Row(name, label, control, cells, average, telemetry_means(runs[name])))
    rows, unseen = judged_by_controls(rows, ROWS[spec.reference].label)
    notes = {**dict.fromkeys(unseen), **notes}
    return Table(
        spec.name,
        spec.title,
        spec.reference,
        spec.columns,
        data_seeds,
        tuple(rows),
        combined_metadata(used),
        tuple(notes),
        tuple({key: value for key, value in run.items() if key != "queries"} for run in used),
    )


def _refuse_duplicates(results: Sequence[Mapping]) -> None:
    seen = set()
    for result in results:
        key = (result["row"], result["source"], result["seed"], data_seed_of(result))
        if key in seen:
            row, source, seed, data_seed = key
            where = "" if data_seed is None else f" on data set {data_seed}"
            raise InputError(
                f"there are two results of row {row}, source {source}, seed {seed}{where}; expected one, remove the other"
            )
        seen.add(key)


def _people(results: Sequence[Mapping], targets: Collection[str]) -> tuple[dict[TestSet, Sequence[int]], list[str]]:
    """People of the queries of each test set, and a sentence about targets of which not every result tells them."""
    people, unknown = {}, {}
    for result in results:
        for target, of_target in result["queries"].items():
            test_set = (data_seed_of(result), target)
            if target not in targets:
                continue
            if "person" not in of_target:
                unknown[target] = None
            elif people.setdefault(test_set, of_target["person"]) != of_target["person"]:
                raise InputError(
                    f"the people of the queries on {target} differ between the results; test all on the same data set"
                )
    if not unknown:
        return people, []
    of_known = {test_set: of for test_set, of in people.items() if test_set[1] not in unknown}
    return of_known, [
        f"Who the queries on {', '.join(unknown)} show is not told by every result: there each query counts as a person of its own."
    ]


def _cell(
    runs,
    reference_runs,
    data_seeds: Sequence[int | None],
    people: Mapping[TestSet, Sequence[int]],
    paper: Mapping,
    notes: dict,
    columns: Sequence[Column],
) -> Cell:
    """A cell over one column, or the average over several; over all data sets.

    Args:
        runs, reference_runs: results of the row and of the reference row; None for the reference row itself.
        paper: column -> published mAP and Rank-1, or None.
        notes: receives what has no place in a cell.
    """
    places = [(data_seed, *column) for data_seed in data_seeds for column in columns]
    ran = [place for place in places if scores_on(runs, place, "mAP")]
    marks = marks_on(runs, ran) + incomplete_average(ran, places)
    scores, comparison_marks = {}, ()
    for number, (metric, query_metric) in enumerate(METRICS.items()):
        comparison = None
        if reference_runs is not None:
            row, other = in_common(runs, reference_runs, ran, query_metric)
            notes |= dict.fromkeys(not_compared(runs, reference_runs, ran, row, query_metric))
            comparison = paired_comparison(row, other, people) if row else None
        if comparison:
            touched = [*marks_on(runs, row), *marks_on(reference_runs, row)]
            limits = caveats(row, places, runs, reference_runs, query_metric)
            comparison_marks = tuple(dict.fromkeys([*touched, *limits]))
        printed = [pair[number] for column in columns if (pair := paper.get(column))]
        published = sum(printed) / len(columns) if len(printed) == len(columns) else None
        scores[metric] = _score(runs, ran, metric, published if len(ran) in (0, len(places)) else None, comparison)
    return Cell(scores, marks, comparison_marks)


def _score(runs, ran: Sequence[Place], metric: str, published: float | None, comparison: Comparison | None) -> Score:
    if not ran:
        return Score(None, None, {}, published, None, None)
    places = [scores_on(runs, place, metric) for place in ran]
    by_seed = {
        seed: sum(place[seed] for place in places) / len(places)
        for seed in sorted(set.intersection(*(set(place) for place in places)))
    }
    mean = sum(mean_and_deviation(list(place.values()))[0] for place in places) / len(places)
    deviation = mean_and_deviation(list(by_seed.values()))[1] if by_seed else None
    return Score(mean, deviation, by_seed, published, None if published is None else mean - published, comparison)
