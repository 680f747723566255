"""What stands in each place of a table, in words: the same for the terminal, Markdown and HTML."""

from collections.abc import Iterable, Mapping
from string import ascii_lowercase

from dcac_fastreid.experiments.protocols import Column
from dcac_fastreid.experiments.statistics import DATA_SETS, PEOPLE, Comparison, OnDataSet
from dcac_fastreid.experiments.table import METRICS, Cell, Row, Table
from dcac_fastreid.experiments.telemetry_means import NAMES
from dcac_fastreid.pages.content import SYNTHETIC

NOT_RUN, NOT_COMPARED, NO_TELEMETRY = "not run", "-", "-"
COLUMNS_SIDE_BY_SIDE = 4  # more do not fit a terminal or a page: twelve pairs become a grid for each source
HEADINGS = {"mAP": "mAP", "Rank-1": "R1"}
PAPER, TO_PAPER = "paper", "difference to the paper"


def column_name(column: Column) -> str:
    return " -> ".join(column)


def headings(table: Table) -> list[str]:
    """Names of the columns, the average first where there are several."""
    names = [column_name(column) for column in table.columns]
    return ["average", *names] if len(names) > 1 else names


def cells(table: Table, row: Row) -> list[Cell]:
    """As `headings`."""
    return [row.average, *row.cells] if len(table.columns) > 1 else list(row.cells)


def blocks(table: Table) -> list[list[int]]:
    """Places of `headings` that stand side by side: whole sources, as many as fit; the average comes first of all."""
    average = len(headings(table)) - len(table.columns)  # 1, or 0 where there is none
    found: list[list[int]] = [[]]
    for source in dict.fromkeys(source for source, _ in table.columns):
        places = [place + average for place, column in enumerate(table.columns) if column[0] == source]
        if found[-1] and len(found[-1] + places) > COLUMNS_SIDE_BY_SIDE:
            found.append([])
        found[-1] += places
    return [[*range(average), *found[0]], *found[1:]]


def title(table: Table) -> str:
    """The table's, with "synthetic" where its data sets are."""
    if table.data_seeds in ((), (None,)):
        return table.title
    more = f"s {', '.join(map(str, table.data_seeds))}" if len(table.data_seeds) > 1 else f" {table.data_seeds[0]}"
    return f"{table.title} ({SYNTHETIC}{more})"


def labels(table: Table) -> dict[str, str]:
    """Name of each row -> its label."""
    return {row.name: row.label for row in table.rows}


def score_lines(table: Table, row: Row) -> list[tuple[str, list[str]]]:
    """Label and scores of a row, metric by metric in each cell; then, where the paper prints any, its numbers and differences."""
    letters = footnote_letters(table)
    places = [(cell, metric) for cell in cells(table, row) for metric in METRICS]
    lines = [(row.label, [score_text(table, cell, metric, letters) for cell, metric in places])]
    scores = [cell.scores[metric] for cell, metric in places]
    if any(score.published is not None for score in scores):
        lines.append((PAPER, ["" if score.published is None else f"{score.published:.1f}" for score in scores]))
    if any(score.to_published is not None for score in scores):
        lines.append(
            (TO_PAPER, ["" if score.to_published is None else f"{score.to_published:+.1f}" for score in scores])
        )
    return lines


def score_text(table: Table, cell: Cell, metric: str, letters: Mapping[str, str]) -> str:
    """ "30.1 ± 0.4"; with the number of seeds where the cells of the table differ in it; with its footnotes."""
    score = cell.scores[metric]
    if score.mean is None:
        return NOT_RUN
    text = f"{score.mean:.1f}" if score.deviation is None else f"{score.mean:.1f} ± {score.deviation:.1f}"
    if len(_seed_numbers(table)) > 1:
        text += f" (n={len(score.by_seed)})"
    return text + references(cell.marks, letters)


def comparison_text(cell: Cell, metric: str, letters: Mapping[str, str]) -> str:
    """ "+1.2 [-0.3, +2.6] within noise", with its footnotes."""
    comparison = cell.scores[metric].comparison
    if comparison is None:
        return NOT_COMPARED if cell.scores[metric].mean is not None else NOT_RUN
    return f"{interval_text(comparison)} {comparison.verdict}{references(cell.comparison_marks, letters)}"


def interval_text(comparison: Comparison | OnDataSet) -> str:
    return f"{comparison.difference:+.1f} [{comparison.low:+.1f}, {comparison.high:+.1f}]"


def minus_reference(table: Table) -> str:
    """ "minus Baseline", what stands behind the metric of a comparison."""
    return f"minus {labels(table)[table.reference]}"


def compared_rows(table: Table) -> list[Row]:
    return [row for row in table.rows if row.name != table.reference]


def uncertainty_grids(table: Table) -> list[tuple[list[str], list[list[str]]]]:
    """Header and lines of the grids below the comparisons, metric by metric: where the average's uncertainty comes from.

    First, where there are several data sets, each data set's own difference; then the parts of the variance.
    """
    grids = []
    for metric in METRICS:
        found = [(row.label, row.average.scores[metric].comparison) for row in compared_rows(table)]
        compared = [(label, comparison) for label, comparison in found if comparison]
        average = f"{HEADINGS[metric]} {minus_reference(table)}, average"
        if compared and len(table.data_seeds) > 1:
            header = [average, *(f"data set {data_seed}" for data_seed in table.data_seeds)]
            grids.append((header, [[label, *_on_data_sets(table, comparison)] for label, comparison in compared]))
        if compared:
            names = list(dict.fromkeys(name for _, comparison in compared for name in comparison.variance))
            lines = [[label, *_shares(names, comparison)] for label, comparison in compared]
            shown = ["people" if name == PEOPLE else name for name in names]
            grids.append(([average, "standard error", *shown], lines))
    return grids


def _on_data_sets(table: Table, comparison: Comparison) -> list[str]:
    own = {on.data_seed: interval_text(on) for on in comparison.data_sets}
    return [own.get(data_seed, NOT_RUN) for data_seed in table.data_seeds]


def _shares(names: list[str], comparison: Comparison) -> list[str]:
    """The standard error in percentage points, without what drawing the data sets would add; then each part of the variance."""
    variance, total = comparison.variance, sum(comparison.variance.values())
    error = sum(value for name, value in variance.items() if name != DATA_SETS) ** 0.5
    shares = [f"{100 * variance[name] / total:.0f} %" if total and name in variance else NOT_COMPARED for name in names]
    return [f"{error:.2f}", *shares]


def telemetry_names(table: Table) -> list[str]:
    """Columns of the table of telemetry: what any row has; none where no run has any."""
    return [name for name in NAMES if any(name in row.telemetry for row in table.rows)]


def telemetry_texts(table: Table, row: Row) -> list[str]:
    """A row's means as `telemetry_names`, three digits each: a ratio of gradients may be 1e-05."""
    missing = NOT_RUN if row.average.scores["mAP"].mean is None else NO_TELEMETRY
    return [f"{row.telemetry[name]:.3g}" if name in row.telemetry else missing for name in telemetry_names(table)]


def footnote_letters(table: Table) -> dict[str, str]:
    """Mark -> its letter: a to z, then aa, ab ..., in order of appearance."""
    marks = dict.fromkeys(
        mark for row in table.rows for cell in cells(table, row) for mark in (*cell.marks, *cell.comparison_marks)
    )
    return {mark: _letter(place) for place, mark in enumerate(marks)}


def references(marks: Iterable[str], letters: Mapping[str, str]) -> str:
    """ " [a,c]", what stands behind a number; nothing where there are no marks."""
    noted = ",".join(letters[mark] for mark in marks)
    return f" [{noted}]" if noted else ""


def explanations(table: Table) -> list[str]:
    """The sentences below a table: how to read it, its notes, its footnotes."""
    sentences = [f"mAP and Rank-1 (R1) in per cent{_over_seeds(_seed_numbers(table))}; the last epoch counts."]
    if len(table.rows) > 1:
        sentences.append(
            f"Comparisons: row {minus_reference(table)} in percentage points, paired by seed and query, [95 % interval] over "
            f"training seeds and people, for {_these_data_sets(table)}; better or worse where the interval excludes 0, else "
            "within noise. Of 20 comparisons without any true difference about one is expected to exclude 0: read the average "
            "first."
        )
    if uncertainty_grids(table):
        sentences.append(
            "Standard error: of the average difference, in percentage points. Behind it the parts of the average's variance: "
            "training seeds, people, queries of one person, and single pairs of seed and query (where each source has one seed, "
            "these count among queries and the part of the seeds is unknown). More of each makes its own part smaller."
            + " Data sets: what drawing other ones would add; the interval and the standard error do not cover it."
            * (len(table.data_seeds) > 1)
        )
    if telemetry_names(table):
        sentences.append(
            "Telemetry: mean over the row's runs, whatever their source, of each run's mean over the second half of its samples. "
            "noise_loss: by timesteps [low, high); condition: entropy in nats and largest of the probabilities; gradient: the "
            "diffusion loss's by the Re-ID losses', norms and cosine at the features; classifier_share: of the diffusion loss in "
            "the classifier's gradient; displacement: relative to the start. Not compared: no interval, no verdict."
        )
    letters = footnote_letters(table)
    return [*sentences, *table.notes, *(f"[{letter}] {mark}" for mark, letter in letters.items())]


def _these_data_sets(table: Table) -> str:
    if len(table.data_seeds) > 1:
        return f"the given data sets ({', '.join(map(str, table.data_seeds))})"
    return "this data set" if table.data_seeds and table.data_seeds[0] is not None else "these data sets"


def _over_seeds(numbers: set[int]) -> str:
    if not numbers:
        return ""
    if numbers == {1}:
        return ", one seed each"
    found = f"{max(numbers)} seeds" if len(numbers) == 1 else "n seeds"
    return f", mean ± standard deviation over {found}"


def _seed_numbers(table: Table) -> set[int]:
    """Numbers of seeds that the cells have."""
    found = {len(score.by_seed) for row in table.rows for cell in cells(table, row) for score in cell.scores.values()}
    return found - {0}


def _letter(place: int) -> str:
    groups, ones = divmod(place, len(ascii_lowercase))
    return (ascii_lowercase[groups - 1] if groups else "") + ascii_lowercase[ones]
