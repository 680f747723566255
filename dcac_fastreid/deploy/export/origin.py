"""Where does an encoder come from: the run that trained it, and that run's last test; or a checkpoint of others."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from dcac_fastreid.data import file_sha256
from dcac_fastreid.deploy.encoder_files import OF_A_RUN
from dcac_fastreid.engine.run_metadata import FILE as RUN_METADATA
from dcac_fastreid.errors import InputError
from dcac_fastreid.tensor_files import read_metadata

ORIGIN = "origin"  # in a .safetensors' metadata: an Origin as JSON
METRICS_FILE = "metrics.json"
METRICS = ("mAP", "Rank-1", "Rank-5", "Rank-10", "mINP")


@dataclass(frozen=True)
class Origin:
    """checkpoint, sha256: the run's own file. run: the content of its stamp.json, {} where it is not known.

    scores: test set -> metric of METRICS -> per cent, of the test at the run's end; {} where it is not known.
    data_license, weights_license: as whoever exported it has stated them; "" where nobody did.
    released: whose checkpoint it is, where others released it: "a checkpoint of CLIP-ReID"; "" of a run.
    """

    checkpoint: str
    sha256: str
    run: Mapping[str, Any]
    scores: Mapping[str, Mapping[str, float]]
    data_license: str = ""
    weights_license: str = ""
    released: str = ""

    def text(self) -> str:
        return json.dumps(asdict(self))


def origin_of(file: Path, *, sha256: str = "", data_license: str = "", weights_license: str = "") -> Origin:
    """Of a checkpoint by what lies beside it; of an exported encoder by what it carries.

    Args:
        sha256: of the file, where it is known; "": it is computed where it is needed.
        data_license, weights_license: as they are stated now; "" for what the file carries.
    Raises: InputError: the stamp.json beside it, or what it carries, cannot be read.
    """
    if file.suffix == ".safetensors" and (carried := read_metadata(file).get(ORIGIN)):
        told = _carried(file, carried)
        stated = {"data_license": data_license, "weights_license": weights_license}
        return replace(told, **{name: license for name, license in stated.items() if license})
    run = _run_metadata(file.with_name(RUN_METADATA))
    sha256 = sha256 or file_sha256(file)
    return Origin(file.name, sha256, run, _last_test(file, run), data_license, weights_license)


def origin_of_released(file: Path, released: str, *, data_license: str = "", weights_license: str = "") -> Origin:
    """Of a file that others released: what lies beside it is of another run, and tells nothing."""
    return Origin(file.name, file_sha256(file), {}, {}, data_license, weights_license, released)


def _carried(file: Path, text: str) -> Origin:
    try:
        told = Origin(**json.loads(text))
        scores = {str(test): _numbers(of_test) for test, of_test in told.scores.items()}
        words = told.checkpoint, told.sha256, told.data_license, told.weights_license, told.released
        fits = isinstance(told.run, dict) and all(isinstance(word, str) for word in words)
    except (ValueError, TypeError, AttributeError, RecursionError):
        fits = False
    if not fits:
        raise InputError(f"{file} is damaged: its entry {ORIGIN!r} does not tell a run; get it again")
    return replace(told, scores=scores)


def _run_metadata(file: Path) -> dict:
    if not file.is_file():
        return {}
    try:
        metadata = json.loads(file.read_text())
    except ValueError as error:  # cut off, or no text
        raise InputError(
            f"{file} cannot be read as JSON ({error}); remove it, then the export tells no origin"
        ) from error
    return metadata if isinstance(metadata, dict) else {}


def _last_test(file: Path, run: Mapping) -> dict[str, dict[str, float]]:
    """Of a run's last checkpoint, from the last line of its metrics.json; its other checkpoints were not tested last."""
    try:
        line = json.loads(file.with_name(METRICS_FILE).read_text().splitlines()[-1]) if file.name == OF_A_RUN else {}
        items = list(line.items())
    except (OSError, ValueError, IndexError, AttributeError, RecursionError):  # gone, or cut off
        return {}
    tests = run.get("tests") or [""]
    scores: dict[str, dict[str, Any]] = {}
    for name, value in items:
        test, _, metric = str(name).rpartition("/")  # of one test set, fast-reid writes no name
        if (test in tests) if test else (len(tests) == 1):
            scores.setdefault(test or tests[0], {})[metric] = value
    return {test: numbers for test, of_test in scores.items() if (numbers := _numbers(of_test))}


def _numbers(of_test: Mapping[str, Any]) -> dict[str, float]:
    return {metric: of_test[metric] for metric in METRICS if isinstance(of_test.get(metric), int | float)}
