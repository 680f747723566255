"""In what do the metadata of a table's runs agree, and in what do they differ?"""

from collections.abc import Iterator, Mapping, Sequence

from dcac_fastreid.engine.run_metadata import BEFORE
from dcac_fastreid.experiments.places import data_seed_of

LONG, FIRST, LAST = 36, 12, 17  # characters of a long value in a sentence: a commit may end in "+changes-1234abcd"
# What a run was trained and tested on, how, and from which number: rows and columns of the table, not a difference in them.
DIFFER_BY_DESIGN = {"seed", "sources", "tests", "architecture", "marks"}
# What is another value on another synthetic data set: compared between the runs of each data set alone.
OF_A_DATA_SET = ("drawn_world.seed", "data_sets.")


def combined_metadata(results: Sequence[Mapping]) -> dict[str, tuple[str, ...]]:
    """Dotted name of each entry -> its distinct values over the results, in order of appearance; of a resumed run the last."""
    return {name: tuple(holders) for name, holders in _holders(results).items()}


def describe_differences(results: Sequence[Mapping]) -> list[str]:
    """A sentence for each entry whose value is not the same in all results that have it, with the runs that hold each.

    Of what belongs to a data set, a sentence for each data set. Then one about runs that were interrupted and resumed under
    another version.
    """
    by_data: dict[int | None, list[Mapping]] = {}
    for result in results:
        by_data.setdefault(data_seed_of(result), []).append(result)
    sentences = [
        _difference(name, holders)
        for name, holders in _holders(results).items()
        if len(holders) > 1 and name not in DIFFER_BY_DESIGN and not name.startswith(OF_A_DATA_SET)
    ]
    for data_seed, of_data in by_data.items():
        where = "" if data_seed is None else f" on data set {data_seed}"
        sentences += [
            _difference(name + where, holders)
            for name, holders in _holders(of_data).items()
            if len(holders) > 1 and name.startswith(OF_A_DATA_SET)
        ]
    resumed = [result for result in results if result["stamp"].get(BEFORE)]
    if resumed:
        verb = "was" if len(resumed) == 1 else "were"
        sentences.append(
            f"{_runs(resumed)} {verb} interrupted and resumed under another version: of the code, the libraries, the data or "
            "the device."
        )
    return sentences


def _difference(of: str, holders: Mapping[str, Sequence[Mapping]]) -> str:
    values = "; ".join(f"{_short(value)} in {_runs(held)}" for value, held in holders.items())
    return f"Run metadata differ in {of}: {values}."


def _holders(results: Sequence[Mapping]) -> dict[str, dict[str, list[Mapping]]]:
    """Entry -> value -> the results that hold it."""
    holders: dict[str, dict[str, list[Mapping]]] = {}
    for result in results:
        now = {key: value for key, value in result["stamp"].items() if key != BEFORE}
        for name, value in _entries(now):
            holders.setdefault(name, {}).setdefault(value, []).append(result)
    return holders


def _entries(metadata: Mapping, above: str = "") -> Iterator[tuple[str, str]]:
    for key, value in metadata.items():
        name = f"{above}{key}"
        if isinstance(value, Mapping):
            yield from _entries(value, f"{name}.")
        elif value is not None:  # None: this run has no such thing, as the baseline has no diffusion model
            yield name, str(value)


def _runs(results: Sequence[Mapping]) -> str:
    rows = dict.fromkeys(f"{result['row']} on {result['source']}" for result in results)
    return f"{len(results)} run{'s' * (len(results) > 1)} ({', '.join(rows)})"


def _short(value: str) -> str:
    return value if len(value) <= LONG else f"{value[:FIRST]}...{value[-LAST:]}"
