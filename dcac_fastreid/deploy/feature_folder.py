"""Features of a folder of pictures, on disk: features.npy, index.csv, info.json. N pictures, D feature width."""

import csv
import dataclasses
import io
import json
import os
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from dcac_fastreid.data import file_hashes
from dcac_fastreid.deploy.calibration import remove_calibration_of_others
from dcac_fastreid.deploy.extractor import FeatureExtractor
from dcac_fastreid.deploy.pictures import counted, pictures_in, readable
from dcac_fastreid.engine.versions import describe_versions
from dcac_fastreid.errors import InputError
from dcac_fastreid.names import shown
from dcac_fastreid.output_files import check_writable, write_whole

FEATURES, INDEX, INFO = "features.npy", "index.csv", "info.json"
COLUMNS = ("row", "path", "bytes", "modified", "sha256")
NAMES = {"encoding": "utf-8", "errors": "surrogateescape"}  # file names need not be text


@dataclass(frozen=True)
class FeatureFolder:
    """features: (N, D), float32, rows of length 1. paths: N, below `info["pictures"]`. states: as `state_of`, N.

    hashes: SHA-256 of the files, N. calibration_removed: when it was made, one of another checkpoint lay there.
    """

    folder: Path
    features: np.ndarray
    paths: list[str]
    states: list[tuple[int, int]]
    hashes: list[str]
    info: dict
    calibration_removed: bool = False

    @property
    def pictures(self) -> Path:
        """The folder of the pictures, when the features were made."""
        return Path(self.info["pictures"])

    def report(self) -> str:
        """Sentences for who made it."""
        lines = [f"{self.folder}: {counted(len(self.paths), 'picture')}, features {self.info['feature_width']} wide"]
        if self.info["unreadable"]:
            left_out = self.info["unreadable"]
            lines.append(f"left out, as they cannot be read: {counted(len(left_out), 'picture')}, {shown(left_out)}")
        if self.info["selected_on"]:
            picked_by = ", ".join(self.info["selected_on"])
            lines.append(
                f"the checkpoint was picked by a test metric, data set: {picked_by}; figures on it are no fair test"
            )
        if self.calibration_removed:
            lines.append("the calibration that lay there was of another checkpoint, and is removed: calibrate anew")
        return "\n".join(lines)


def extract_folder(
    extract: FeatureExtractor, pictures: str | Path, output: str | Path, *, skip_unreadable: bool = False
) -> FeatureFolder:
    """Extracts the features of all pictures in a folder and below it, and writes them.

    Writes features.npy, (N, D); index.csv, the row, the path below the folder, size in bytes, time of change (nanoseconds)
    and SHA-256 of each; and info.json: of which checkpoint and pictures. All or nothing: an earlier folder stays until all is
    computed. A calibration in it, of another checkpoint, is removed.

    Raises: InputError: no pictures, some that cannot be read, or an output that cannot be written or lies in the pictures.
    """
    output, pictures = check_output(output, pictures), Path(pictures)
    files, left_out = readable(pictures_in(pictures), skip=skip_unreadable, what="pictures")
    states = [state_of(file) for file in files]
    hashes = file_hashes(files, keep=False)
    features = extract(files, progress="features").numpy()
    encoder = extract.encoder
    made = FeatureFolder(
        folder=output,
        features=features,
        paths=[file.relative_to(pictures).as_posix() for file in files],
        states=states,
        hashes=[hashes[str(file)] for file in files],
        info={
            "encoder": encoder.identity(),
            "selected_on": encoder.selected_on,  # data sets whose test metric picked the checkpoint: no fair test on them
            "feature_width": encoder.feature_width,
            "input_size": list(encoder.input_size),
            "precision": extract.precision,
            "count": len(files),
            "unreadable": [file.relative_to(pictures).as_posix() for file in left_out],
            "pictures": str(pictures.resolve()),
            "checkpoint_file": str(encoder.file.resolve()),
            "config_file": str(encoder.config_file.resolve()) if encoder.config_file else None,
            "versions": describe_versions(),
        },
    )
    _write(made)
    return dataclasses.replace(made, calibration_removed=remove_calibration_of_others(output, made.info["encoder"]))


def read_feature_folder(folder: str | Path) -> FeatureFolder:
    """Reads what extract_folder wrote. Raises InputError: it is not there, or its files do not belong together."""
    folder = Path(folder)
    if not (folder / INFO).is_file():
        raise InputError(
            f"{folder} holds no features: it has no {INFO}; make them with tools/search.py index or tools/extract_features.py"
        )
    try:
        info = json.loads((folder / INFO).read_text(**NAMES))
        features = np.load(folder / FEATURES, mmap_mode="r", allow_pickle=False)
        with open(folder / INDEX, newline="", **NAMES) as stream:
            rows = list(csv.DictReader(stream))
        paths = [row["path"] for row in rows]
        states = [(int(row["bytes"]), int(row["modified"])) for row in rows]
        hashes = [row["sha256"] for row in rows]
        agree = features.shape == (len(rows), info["feature_width"]) and info["count"] == len(rows)
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        raise InputError(f"{folder} cannot be read as features ({error}); make them anew") from error
    if not agree:
        raise InputError(
            f"{folder} does not agree with itself: {INFO} tells {info['count']} pictures, {INDEX} {len(rows)}, {FEATURES} is "
            f"{' x '.join(map(str, features.shape))}; make them anew"
        )
    return FeatureFolder(folder, features, paths, states, hashes, info)


def check_output(folder: str | Path, pictures: str | Path) -> Path:
    """Asks, before the work whose result it shall take, whether a folder can be made or written; makes nothing.

    Raises: InputError: it cannot, or it lies in the folder of the pictures.
    """
    check_writable(folder, "the features shall go to")
    check_outside(folder, "the features shall go to", pictures)
    return Path(folder)


def check_outside(folder: str | Path, leads_to: str, *others: str | Path) -> None:
    """Raises InputError: a folder is one of the others or lies in it; what is written there would lie among their files.

    Args: leads_to: the sentence's beginning, such as "the features shall go to".
    """
    for other in others:
        if Path(folder).resolve().is_relative_to(Path(other).resolve()):
            raise InputError(f"{leads_to} {folder}, which lies in {other}; choose a folder outside of it")


def state_of(file: Path) -> tuple[int, int]:
    """Size in bytes and time of the last change in nanoseconds: with another one, the picture may be another."""
    status = file.stat()
    return status.st_size, status.st_mtime_ns


def _write(made: FeatureFolder) -> None:
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(COLUMNS)
    columns = zip(made.paths, made.states, made.hashes, strict=True)
    writer.writerows((row, path, *state, sha256) for row, (path, state, sha256) in enumerate(columns))
    info = json.dumps(made.info, indent=2) + "\n"
    made.folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".unfinished", dir=made.folder) as unfinished:
        write_whole(Path(unfinished) / FEATURES, lambda stream: np.save(stream, made.features))
        write_whole(Path(unfinished) / INDEX, lambda stream: stream.write(table.getvalue().encode(**NAMES)))
        write_whole(Path(unfinished) / INFO, lambda stream: stream.write(info.encode(**NAMES)))
        (made.folder / INFO).unlink(missing_ok=True)  # until the last one is in its place, these are no features
        for name in (FEATURES, INDEX, INFO):
            os.replace(Path(unfinished) / name, made.folder / name)
