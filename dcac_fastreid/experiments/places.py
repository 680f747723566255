"""What do results say of a place, a column on a data set, and what do two rows have in common there?"""

from collections.abc import Iterable, Mapping, Sequence

from dcac_fastreid.experiments.variance import Place


def data_seed_of(run: Mapping) -> int | None:
    """Of the synthetic data set; results of before they told it have it in their run metadata."""
    return run.get("data_seed", (run["stamp"].get("drawn_world") or {}).get("seed"))


def scores_on(runs: Iterable[Mapping], place: Place, metric: str) -> dict[int, float]:
    """Seed -> score."""
    return {run["seed"]: run["scores"][place[2]][metric] for run in _on(runs, place, "scores")}


def queries_on(runs: Iterable[Mapping], place: Place, metric: str) -> dict[int, Sequence[float]]:
    """Seed -> a score for each query."""
    return {run["seed"]: run["queries"][place[2]][metric] for run in _on(runs, place, "queries")}


def marks_on(runs: Iterable[Mapping], places: Iterable[Place]) -> tuple[str, ...]:
    """Marks of the results that the places' scores come from, each once; a place has those of its own target alone."""
    touched = [
        run["marks"].get(target, ())
        for data_seed, source, target in places
        for run in runs
        if (data_seed_of(run), run["source"]) == (data_seed, source)
    ]
    return tuple(dict.fromkeys(mark for of_target in touched for mark in of_target))


def in_common(runs, reference_runs, places: Iterable[Place], metric: str) -> tuple[dict, dict]:
    """Place -> seed -> scores of the queries, of two rows, with the same places and seeds.

    Seeds are those that both rows have on all places of a data set and source that have any in common.
    """
    row = {place: queries_on(runs, place, metric) for place in places}
    other = {place: queries_on(reference_runs, place, metric) for place in row}
    common: dict[tuple, set[int]] = {}
    for place in row:
        if both := row[place].keys() & other[place].keys():
            common[place[:2]] = common.get(place[:2], both) & both
    kept = [place for place in row if common.get(place[:2]) and row[place].keys() & other[place].keys()]
    return tuple(
        {place: {seed: side[place][seed] for seed in sorted(common[place[:2]])} for place in kept}
        for side in (row, other)
    )


def _on(runs, place: Place, of: str) -> list[Mapping]:
    data_seed, source, target = place
    return [run for run in runs if (data_seed_of(run), run["source"]) == (data_seed, source) and target in run[of]]
