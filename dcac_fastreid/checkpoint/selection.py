"""Was a checkpoint picked by the metric of a test set? Then a result of it on that set is no fair test, and is marked."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dcac_fastreid.errors import InputError
from dcac_fastreid.tensor_files import read_metadata, read_tensor_file

SELECTED_ON = "selected_on"  # in a checkpoint: names of the data sets; in a .safetensors' metadata the same as JSON
BEST = "model_best"  # as fast-reid names the checkpoint that it picks by the metric of the first test
UNKNOWN = "unknown"  # a data set of fast-reid's own model_best, which does not tell it


def selected_on(weights: str) -> list[str]:
    """The data sets whose test metric picked a checkpoint, or one that it was trained from; [UNKNOWN] if it does not tell.

    Args:
        weights: as MODEL.WEIGHTS; "", or a file that is not there, was picked by none.
    Raises: InputError: the file cannot be read.
    """
    if not Path(weights).is_file():
        return []
    if Path(weights).suffix == ".safetensors":
        named = _listed(weights, read_metadata(weights).get(SELECTED_ON, "[]"))
    else:
        named = read_tensor_file(weights, only=()).get(SELECTED_ON, [])
    if not isinstance(named, list) or not all(isinstance(name, str) for name in named):
        raise InputError(f"{weights} is damaged: its entry {SELECTED_ON!r} is no list of data sets")
    return named or ([UNKNOWN] if Path(weights).name.startswith(BEST) else [])


def _listed(weights: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{weights} is damaged: its entry {SELECTED_ON!r} is no list of data sets") from error


def marks(weights: str, tests: Sequence[str]) -> list[str]:
    """A sentence for every data set of `tests` whose result with these weights was picked by its own metric, or may be.

    Args: as `selected_on`.
    """
    picked_by = selected_on(weights)
    same = {_images(name) for name in picked_by}
    sentences = []
    for test in tests:
        if _images(test) in same:
            sentences.append(
                f"{test}: the weights, or those they were trained from, were picked by this data set's own test metric, so "
                "this result is no fair test"
            )
        elif UNKNOWN in picked_by:
            sentences.append(
                f"{test}: the weights are, or were trained from, a {BEST} that does not tell by whose test metric it was "
                "picked; if by this data set's, this result is no fair test"
            )
    return sentences


def _images(name: str) -> str:
    """What data sets of the same people have in common: DG_MSMT17 and fast-reid's MSMT17, CUHK03 by any protocol and boxes."""
    return name.removeprefix("DG_").removesuffix("Labeled").removesuffix("NP")
