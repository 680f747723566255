"""What must a reader of a table know that no cell tells: what a comparison leaves out, and what was not compared."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from dcac_fastreid.experiments.places import queries_on
from dcac_fastreid.experiments.rows import ROWS
from dcac_fastreid.experiments.variance import Place


def incomplete_average(ran: Sequence[Place], places: Sequence[Place]) -> tuple[str, ...]:
    """A mark where a row ran on some of the places alone."""
    if not 0 < len(ran) < len(places):
        return ()
    return (f"average over {len(ran)} of {len(places)} {_of_what(places)}",)


def not_compared(runs, reference_runs, ran: Iterable[Place], compared: Collection[Place], metric: str) -> list[str]:
    """A sentence for each place that both rows have, and that is not compared because of their seeds.

    Args: runs, reference_runs: results of the row and of the reference row. compared: of the places that the row has, `ran`.
    """
    sentences = []
    for place in ran:
        ours, theirs = (queries_on(side, place, metric) for side in (runs, reference_runs))
        if not theirs or place in compared:
            continue
        data_seed, source, target = place
        where = "" if data_seed is None else f" on data set {data_seed}"
        row, other = ROWS[runs[0]["row"]].label, ROWS[reference_runs[0]["row"]].label
        if ours.keys() & theirs.keys():
            sentences.append(
                f"{row}, {source} -> {target}{where}: not in the average's comparison, because no seed that {row} and {other} have "
                f"in common has all targets of {source}."
            )
        else:
            sentences.append(
                f"{row}, {source} -> {target}{where}: not compared, because no seed ({_numbers(ours)}) is among those of {other} "
                f"({_numbers(theirs)})."
            )
    return sentences


def caveats(row: Mapping[Place, Mapping], places: Sequence[Place], runs, reference_runs, metric: str) -> list[str]:
    """What limits a comparison: places left out, a single seed, seeds that only one of the rows has.

    Args: row: place -> seed -> scores, of what is compared. places: all of the cell.
    """
    found = []
    if len(row) < len(places):
        found.append(f"compared over {len(row)} of {len(places)} {_of_what(places)}")
    seeds = {place[:2]: len(of_place) for place, of_place in row.items()}
    single = [trained for trained, number in seeds.items() if number == 1]
    if len(single) == len(seeds):
        found.append("one seed: the interval covers the people, not the noise of training")
    elif single:
        found.append(
            f"one seed on {_trained(single, places)}: the noise of training there is taken to be that of the sources with several"
        )
    fewer = {
        place[:2]: len(of_place)
        for place, of_place in row.items()
        if any(len(queries_on(side, place, metric)) > len(of_place) for side in (runs, reference_runs))
    }
    if fewer:
        numbers = ", ".join(f"{number} on {_trained([trained], places)}" for trained, number in fewer.items())
        found.append(f"paired over the seeds in common with {ROWS[reference_runs[0]['row']].label}: {numbers}")
    return found


def _trained(trained: Iterable[tuple], places: Sequence[Place]) -> str:
    """Sources, with their data sets where there are several."""
    several = len({data_seed for data_seed, *_ in places}) > 1
    return ", ".join(source + f" (data set {data_seed})" * several for data_seed, source in trained)


def _of_what(places: Sequence[Place]) -> str:
    return "columns" if len({data_seed for data_seed, *_ in places}) == 1 else "columns and data sets"


def _numbers(seeds: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(seeds)))
