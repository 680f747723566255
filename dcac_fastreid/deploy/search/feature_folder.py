"""The index of a folder of photos: made, read, and what to do where it cannot be used. N photos, D feature width."""

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from dcac_fastreid.arguments import as_path
from dcac_fastreid.data.hashes import file_hashes
from dcac_fastreid.deploy.extractor import FeatureExtractor
from dcac_fastreid.deploy.images import counted, images_in, readable
from dcac_fastreid.deploy.search.calibration_file import remove_calibration_of_others
from dcac_fastreid.deploy.search.cameras_and_times import CamerasAndTimes, describe, read_table
from dcac_fastreid.deploy.search.crop import describe_no_crops
from dcac_fastreid.deploy.search.index_file import FILE, being_changed, read_index_file, write_index_file
from dcac_fastreid.deploy.search.sealed_json import Unusable
from dcac_fastreid.engine.versions import describe_versions
from dcac_fastreid.errors import InputError
from dcac_fastreid.json_files import read_object
from dcac_fastreid.names import printable, shown
from dcac_fastreid.output_files import check_writable, refuse_no_files

# An index of the first releases, and what `dcac-fastreid features` writes.
TABLES = FEATURES, ROWS, INFO = "features.npy", "index.csv", "info.json"


@dataclass(frozen=True)
class FeatureFolder:
    """features: (N, D), float32, rows of length 1. content: as index_file.Content. notes: what its maker should know."""

    folder: Path
    features: np.ndarray
    content: Mapping
    notes: list[str] = field(default_factory=list)

    @property
    def images(self) -> Path:
        """The folder of the photos, when the features were made."""
        return Path(self.content["pictures"])

    @property
    def paths(self) -> list[str]:
        """Of the photos, below `images`, N."""
        return self.content["paths"]

    @property
    def states(self) -> list[tuple[int, int]]:
        """As `state_of`, N."""
        return list(zip(self.content["bytes"], self.content["modified"], strict=True))

    @property
    def hashes(self) -> list[str]:
        """SHA-256 of the files, N."""
        return self.content["sha256"]

    def report(self) -> str:
        """Sentences for who made it."""
        lines = [f"{self.folder}: {counted(len(self.paths), 'image')}, features {self.features.shape[1]} wide"]
        if left_out := self.content["unreadable"]:
            lines.append(f"left out, as they cannot be read: {counted(len(left_out), 'image')}, {shown(left_out)}")
        if known := describe(self.content.get("cameras", ()), self.content.get("times", ())):
            lines.append(known)
        if self.content["selected_on"]:
            picked_by = ", ".join(self.content["selected_on"])
            lines.append(
                f"the checkpoint was picked by a test metric, data set: {picked_by}; figures on it are no fair test"
            )
        return "\n".join([*lines, *self.notes])


def extract_folder(
    extract: FeatureExtractor,
    images: str | Path,
    output: str | Path,
    *,
    table: str | Path | None = None,
    skip_unreadable: bool = False,
) -> FeatureFolder:
    """Makes the index of all images in a folder and below it, index.safetensors in the folder `output`.

    Whole or not at all: an earlier index stays until the new one takes its place, which waits for a change of it that has begun.
    A calibration of another checkpoint, or one that cannot be read, is removed.

    Args: table: a file as read_table reads it; without one, cameras and times are those in the names.
    Raises: InputError: no images, some that cannot be read, a table that cannot be used, or an output that cannot be written or
        lies in the images.
    """
    told = CamerasAndTimes() if table is None else read_table(table)
    made = features_of_folder(extract, images, output, skip_unreadable=skip_unreadable)
    if table is not None:
        told.check(table, made.paths)
    made.content.update(removed=[], removed_sha256=[], **told.of(made.paths))
    with being_changed(made.folder):
        write_index_file(made.folder, made.features, made.content)
        removed = remove_calibration_of_others(made.folder, made.content["encoder"])
    if removed:
        made.notes.append(
            "the calibration that lay there does not belong to this checkpoint, and is removed: calibrate again"
        )
    return made


def features_of_folder(
    extract: FeatureExtractor, images: str | Path, output: str | Path, *, skip_unreadable: bool = False
) -> FeatureFolder:
    """As extract_folder, but without cameras and times, and writes nothing: for a folder `output` that is to come."""
    output, images = check_output(output, images), Path(images)
    files, left_out = readable(images_in(images), skip=skip_unreadable, what="images")
    photos = describe_photos(files, images)
    features = extract(files, progress="features").numpy()
    content = {**describe_origin(extract, images), "unreadable": below(left_out, images), **photos}
    return FeatureFolder(output, features, content, describe_no_crops(files))


def describe_origin(extract: FeatureExtractor, images: Path) -> dict:
    """Of the content of an index: what computed the features, and in which folder the photos lie."""
    encoder = extract.encoder
    return {
        "encoder": encoder.identity(),
        "selected_on": encoder.selected_on,  # data sets whose test metric picked the checkpoint: no fair test on them
        "precision": extract.precision,
        "pictures": os.path.realpath(images),
        # Not the real path: in the hub's cache that is a name without .safetensors.
        "checkpoint_file": os.path.abspath(encoder.file),
        "config_file": os.path.abspath(encoder.config_file) if encoder.config_file else None,
        "versions": describe_versions(),
    }


def describe_photos(files: list[Path], images: Path) -> dict[str, list]:
    """Of the content of an index: paths below the folder, sizes, times of change and hashes of the photos."""
    states = [state_of(file) for file in files]
    hashes = file_hashes(files, keep=False)
    return {
        "paths": below(files, images),
        "bytes": [size for size, _ in states],
        "modified": [time for _, time in states],
        "sha256": [hashes[str(file)] for file in files],
    }


def below(files: list[Path], images: Path) -> list[str]:
    """The paths below a folder."""
    return [file.relative_to(images).as_posix() for file in files]


def read_feature_folder(folder: str | Path) -> FeatureFolder:
    """Reads what extract_folder wrote. Raises InputError: there is no index, or one that cannot be used; tells what to do."""
    folder = as_path(folder, "the index")
    if folder.is_dir() and not (folder / FILE).is_file() and any((folder / name).is_file() for name in TABLES):
        raise InputError(
            f"{folder} holds {', '.join(TABLES)}, which nothing ties together: an index of an earlier release, or the output of "
            f"dcac-fastreid features; make the index by: {index_command(folder, _told_by_tables(folder))}"
        )
    if not (folder / FILE).is_file():
        what = (
            f"is a file, expected the folder of an index; {folder.parent} perhaps"
            if folder.is_file()
            else "holds no index"
        )
        raise InputError(f"{folder} {what}: make one by: {index_command(folder)}")
    try:
        return FeatureFolder(folder, *read_index_file(folder))
    except Unusable as error:
        raise InputError(f"{folder / FILE} {error}; make the index again: {index_command(folder)}") from error


def index_command(folder: Path, content: Mapping | None = None, *, gallery: str = "") -> str:
    """The command that makes an index again.

    Args: content: of the index, where it is known. gallery: the photos' folder, where it is another one.
    """
    content = content or {}
    gallery = gallery or content.get("pictures", "PHOTOS")
    words = ["dcac-fastreid", "search", "index", "--checkpoint", content.get("checkpoint_file", "CHECKPOINT")]
    words += ["--gallery", gallery, "--index", str(folder)]
    if config_file := content.get("config_file"):
        words += ["--config-file", config_file]
    return printable(shlex.join(words))


def update_command(folder: Path) -> str:
    """The command that brings an index up to date with the folder of its photos."""
    return printable(shlex.join(["dcac-fastreid", "search", "index", "--update", "--index", str(folder)]))


def check_output(folder: str | Path, images: str | Path) -> Path:
    """Asks, before the work whose result it shall take, whether a folder can be made or written; makes nothing.

    Raises: InputError: it cannot, it lies in the folder of the images, or a name of ours is there and no file.
    """
    folder, images = as_path(folder, "the output folder"), as_path(images, "the folder of the images")
    check_writable(folder, "the features shall go to")
    check_outside(folder, "the features shall go to", images)
    refuse_no_files(*(folder / name for name in (FILE, *TABLES)))
    return folder


def check_outside(folder: str | Path, leads_to: str, *others: str | Path) -> None:
    """Raises InputError: a folder is one of the others or lies in it; what is written there would lie among their files.

    Args: leads_to: the sentence's beginning, such as "the features shall go to".
    """
    for other in others:
        if Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(other)):
            raise InputError(f"{leads_to} {folder}, which lies in {other}; choose a folder outside of it")


def state_of(file: Path) -> tuple[int, int]:
    """Size in bytes and time of the last change in nanoseconds: with another one, the image may be another."""
    status = file.stat()
    return status.st_size, status.st_mtime_ns


def _told_by_tables(folder: Path) -> dict[str, str]:
    """What info.json tells of how an index of the first releases was made, as far as it can be read."""
    try:
        info = read_object(folder / INFO) or {}
    except OSError:
        return {}
    names = ("checkpoint_file", "pictures", "config_file")
    return {name: info[name] for name in names if isinstance(info.get(name), str)}
