"""The file that a finished training leaves: small enough to be committed, so that a queue of trainings goes on on any machine.

One object, an entry a line: row, source and seed of the training, seed of the synthetic data set (null on real ones), the
settings' fingerprint, scores by target, what each query scored, run metadata, settings that were given, marks, seconds, telemetry.
"""

import json
from collections.abc import Mapping, Sequence
from itertools import chain, groupby, repeat
from pathlib import Path
from typing import Any

from dcac_fastreid.arguments import shown_value
from dcac_fastreid.errors import InputError
from dcac_fastreid.output_files import write_whole

OF_A_RESULT = {
    "row": str, "source": str, "seed": int, "scores": dict, "stamp": dict, "marks": dict, "seconds": float | int, "telemetry": dict,
}  # fmt: skip
HIT, MISS = "1", "0"


def write_result(file: Path, result: Mapping[str, Any]) -> None:
    """Writes queries in few letters: AP to hundredths of a per cent, Rank-1 as a text of 1 and 0, people as pairs.

    A pair is a person and how many queries of that person follow each other.
    """
    compact = {**result, "queries": {target: _compact(of_target) for target, of_target in result["queries"].items()}}
    lines = [f"{json.dumps(name)}: {json.dumps(value, separators=(',', ':'))}" for name, value in compact.items()]
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    write_whole(file, lambda stream: stream.write(text.encode()))


def read_result(file: Path) -> dict[str, Any]:
    """What `write_result` was given; of queries, a list of AP, of Rank-1 (0 or 100) and of people for each target.

    Results of before the queries' people were kept have no list of them.

    Raises: InputError: the file is damaged, or something else.
    """
    try:
        result = json.loads(file.read_text())
        fits = all(isinstance(result[name], form) for name, form in OF_A_RESULT.items())
        queries = {target: _whole(of_target) for target, of_target in result.get("queries", {}).items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        fits = False
    if not fits:
        raise InputError(f"{file} is no result of a training, or damaged; remove it, and the run is trained again")
    return {**result, "queries": queries}


def check_belongs(file: Path, result: Mapping[str, Any], entries: Mapping[str, Sequence]) -> None:
    """Refuses a file that was put under another run's name; an entry that older results have not is not looked at.

    Args: entries: name -> the values of which a result of the run has one.
    Raises: InputError: the result is of another run.
    """
    for name, values in entries.items():
        if name in result and result[name] not in values:
            raise InputError(
                f"{file} is of another run: its {name} is {shown_value(result[name])}, expected {' or '.join(map(str, values))}; "
                "remove it, and the run is trained again"
            )


def rounded_ap(values: Sequence[float]) -> list[float]:
    """As a result keeps them."""
    return [round(float(value), 2) for value in values]


def _compact(queries: Mapping[str, Sequence]) -> dict[str, Any]:
    return {
        "AP": rounded_ap(queries["AP"]),
        "Rank-1": "".join(HIT if value else MISS for value in queries["Rank-1"]),
        "person": [[int(person), len(list(same))] for person, same in groupby(queries["person"])],
    }


def _whole(queries: Mapping[str, Any]) -> dict[str, list]:
    """Raises ValueError or TypeError: the lists have different lengths, or hold something else."""
    whole = {name: list(values) for name, values in queries.items()}
    if isinstance(queries.get("Rank-1"), str):
        whole["Rank-1"] = [100.0 * (MISS, HIT).index(letter) for letter in queries["Rank-1"]]
        whole["person"] = list(chain.from_iterable(repeat(person, times) for person, times in queries["person"]))
    if len({len(values) for values in whole.values()}) > 1:
        raise ValueError("lists of different lengths")
    return whole
