"""An index changed in place: brought up to date with its folder, or photos taken out. N photos, D feature width."""

import functools
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dcac_fastreid.arguments import as_path
from dcac_fastreid.data.hashes import file_hashes
from dcac_fastreid.deploy.images import counted, images_in, readable
from dcac_fastreid.deploy.search.cameras_and_times import camera_of, read_table, time_of
from dcac_fastreid.deploy.search.crop import describe_no_crops
from dcac_fastreid.deploy.search.feature_folder import (
    FeatureFolder,
    below,
    check_output,
    describe_origin,
    index_command,
    read_feature_folder,
    state_of,
)
from dcac_fastreid.deploy.search.index_encoder import encoder_of
from dcac_fastreid.deploy.search.index_file import COLUMNS, FILE, being_changed, write_index_file
from dcac_fastreid.errors import InputError
from dcac_fastreid.names import shown
from dcac_fastreid.output_files import check_writable

TOLD_BY_NAME = {"cameras": camera_of, "times": time_of}


@dataclass(frozen=True)
class _Photo:
    """feature: None where it is to be computed."""

    state: tuple[int, int]
    sha256: str
    feature: np.ndarray | None


def update_folder(
    index: str | Path,
    *,
    images: str | Path | None = None,
    table: str | Path | None = None,
    checkpoint: str | Path | None = None,
    config_file: str | Path | None = None,
    device: str | None = None,
    skip_unreadable: bool = False,
) -> FeatureFolder:
    """Brings an index up to date with its folder: afterwards it holds what a new index would hold, without the removed photos.

    Features are computed for new and changed photos alone; a photo under another name, or of another time of change, is known by
    its content. Whole or not at all: the earlier index stays until the new one takes its place.

    Args:
        images: the folder of the photos, where it has moved. checkpoint, config_file: those of the index, where they have moved.
        table: as extract_folder; photos of the index that it does not name keep their cameras and times.
    Raises: InputError: no index, another encoder, none of its photos in the folder, or as extract_folder.
    """
    told = None if table is None else read_table(table)
    with _being_changed(index) as (stored, write):
        folder = stored.images if images is None else as_path(images, "the folder of the images")
        check_output(stored.folder, folder)
        photos, removed = _photos_now(stored, folder)
        if told:
            told.check(table, below(list(photos), folder))  # before the work
        computed, left_out, origin = {}, [], {"pictures": os.path.realpath(folder)}
        if missing := [file for file, photo in photos.items() if photo.feature is None]:
            missing, left_out = readable(missing, skip=skip_unreadable, what="images", need_one=False)
        if missing or checkpoint is not None:
            extract = encoder_of(stored, checkpoint, config_file, device)
            computed = dict(zip(missing, extract(missing, progress="features").numpy(), strict=True))
            origin = describe_origin(extract, folder)
        for file in left_out:
            del photos[file]
        content = _content(stored, folder, photos) | origin | {"unreadable": below(left_out, folder)}
        if told:
            content |= told.over(content["paths"], content)
        features = np.stack([computed.get(file, photo.feature) for file, photo in photos.items()])
        write(features, content)
        notes = [_changes(stored, content, below(removed, folder)), *describe_no_crops(missing)]
        return FeatureFolder(stored.folder, features, content, notes)


def remove_photos(index: str | Path, named: Iterable[str | Path]) -> FeatureFolder:
    """Takes photos out of an index, for good: an update does not take them in again, wherever they lie. The photos' files stay.

    Other files of the same content are taken out, too; their paths may come again with another content.

    Args: named: photos, or folders of them; paths below the folder of the photos, as a search shows them, or paths of files.
    Raises: InputError: no index, a name that no photo of it has, or none would be left.
    """
    with _being_changed(index) as (stored, write):
        names = {_below(name, stored): name for name in named}
        named_paths = {path for path in stored.paths if names.keys() & {path, *map(str, Path(path).parents)}}
        unknown = [
            name
            for path, name in names.items()
            if not any(each == path or each.startswith(f"{path}/") for each in named_paths)
        ]
        if unknown:
            raise InputError(
                f"the index {stored.folder} has no photo or folder {shown(unknown)}; its photos are {shown(stored.paths)}"
            )
        contents = {sha256 for path, sha256 in zip(stored.paths, stored.hashes, strict=True) if path in named_paths}
        out = [path for path, sha256 in zip(stored.paths, stored.hashes, strict=True) if sha256 in contents]
        if len(out) == len(stored.paths):
            raise InputError(f"no photo would be left in the index {stored.folder}; delete its folder instead")
        left = [number for number, sha256 in enumerate(stored.hashes) if sha256 not in contents]
        content = {name: value for name, value in stored.content.items() if name != "features_sha256"}
        content |= {name: [content[name][number] for number in left] for name in COLUMNS}
        content["removed"] = sorted({*content["removed"], *named_paths})
        content["removed_sha256"] = sorted({*content["removed_sha256"], *contents})
        features = stored.features[left]
        write(features, content)
        notes = [
            f"removed: {counted(len(out), 'photo')}, {shown(out)}; `search index --update` does not take them in again, "
            "`search index` does"
        ]
        return FeatureFolder(stored.folder, features, content, notes)


@contextmanager
def _being_changed(index: str | Path) -> Iterator[tuple[FeatureFolder, Callable[[np.ndarray, dict], None]]]:
    """The index, while no other process changes it, and what writes it: features (N, D) and content, see write_index_file."""
    folder = as_path(index, "the index")
    if not (folder / FILE).is_file():
        read_feature_folder(folder)  # says what is there instead
    check_writable(folder, "the index shall be changed in")
    with being_changed(folder):
        state = state_of(folder / FILE)
        yield read_feature_folder(folder), functools.partial(_write, folder, state)


def _write(folder: Path, state: tuple[int, int], features: np.ndarray, content: dict) -> None:
    """Raises InputError: the index is no longer the one of this state; who copies one there waits for nobody."""
    if not (folder / FILE).is_file() or state_of(folder / FILE) != state:
        raise InputError(
            f"the index {folder} has been replaced or deleted by another program meanwhile, and is left as it is now; start again"
        )
    write_index_file(folder, features, content)


def _photos_now(stored: FeatureFolder, folder: Path) -> tuple[dict[Path, _Photo], list[Path]]:
    """The photos of a folder as they are now, with the features that the index has of such contents; and those removed earlier.

    Raises: InputError: it has none.
    """
    removed = {folder / path for path in stored.content["removed"]}
    files = images_in(folder)
    hash_of, states = _hashes(stored, folder, [file for file in files if file not in removed])
    contents = {*stored.content["removed_sha256"]}
    number_of = {sha256: number for number, sha256 in enumerate(stored.hashes)}
    photos = {}
    for file, sha256 in hash_of.items():
        if sha256 not in contents:
            number = number_of.get(sha256)
            photos[file] = _Photo(states[file], sha256, None if number is None else stored.features[number])
    if not any(photo.feature is not None for photo in photos.values()):
        raise InputError(
            f"{folder} holds none of the {counted(len(stored.paths), 'photo')} of the index {stored.folder} "
            f"({shown(stored.paths)}); name their folder by --gallery, or make the index again: "
            f"{index_command(stored.folder, stored.content)}"
        )
    return photos, [file for file in files if file not in photos]


def _hashes(
    stored: FeatureFolder, folder: Path, files: list[Path]
) -> tuple[dict[Path, str], dict[Path, tuple[int, int]]]:
    """SHA-256 and states of files; those that are as they were when the index was made are not read."""
    before = {folder / path: state for path, state in zip(stored.paths, stored.states, strict=True)}
    hash_of = dict(zip(before, stored.hashes, strict=True))
    states = {file: state_of(file) for file in files}
    others = [file for file in files if before.get(file) != states[file]]
    hashes = file_hashes(others, keep=False) if others else {}
    return {file: hashes.get(str(file)) or hash_of[file] for file in files}, states


def _content(stored: FeatureFolder, folder: Path, photos: dict[Path, _Photo]) -> dict:
    """Of an index of these photos."""
    paths, hashes = below(list(photos), folder), [photo.sha256 for photo in photos.values()]
    return {
        **{name: value for name, value in stored.content.items() if name != "features_sha256"},
        **{name: _column(stored, name, told_by, paths, hashes) for name, told_by in TOLD_BY_NAME.items()},
        "paths": paths,
        "bytes": [photo.state[0] for photo in photos.values()],
        "modified": [photo.state[1] for photo in photos.values()],
        "sha256": hashes,
    }


def _column(
    stored: FeatureFolder, name: str, told_by: Callable[[str], object], paths: list[str], hashes: list[str]
) -> list:
    """The cameras, or the times, of photos. One that the index has under this path keeps its own.

    So does one that the index has under another path, if it is not what that path told (then a table did), or the new path tells
    nothing. All else is told by the path.
    """
    before = dict(zip(stored.paths, stored.content[name], strict=True))
    paths_of = defaultdict(list)
    for path, sha256 in zip(stored.paths, stored.hashes, strict=True):
        paths_of[sha256].append(path)

    def of(path: str, sha256: str) -> object:
        if path in before:
            return before[path]
        told, earlier = told_by(path), paths_of.get(sha256, ())
        kept = {before[old] if told is None or before[old] != told_by(old) else told for old in earlier}
        return kept.pop() if len(kept) == 1 else told  # of copies with different values none is taken

    return [*map(of, paths, hashes)]


def _changes(stored: FeatureFolder, content: dict, removed: list[str]) -> str:
    before, now = (
        dict(zip(stored.paths, stored.hashes, strict=True)),
        dict(zip(content["paths"], content["sha256"], strict=True)),
    )
    numbers = {
        "new": len(now.keys() - before.keys()),
        "changed": sum(sha256 != now.get(path, sha256) for path, sha256 in before.items()),
        "gone": len(before.keys() - now.keys()),
        "removed earlier and left out": len(removed),
    }
    named = f": {shown(removed)}" if removed else ""
    return "photos: " + ", ".join(f"{number:,} {what}" for what, number in numbers.items()) + named


def _below(name: str | Path, stored: FeatureFolder) -> str:
    """A photo or folder as the index names it: below the folder of the photos; of other files the path as it is."""
    path = as_path(name, "a photo")
    if not path.is_absolute() and not os.path.lexists(path):
        return path.as_posix()
    file = Path(os.path.realpath(path.parent)) / path.name
    return (file.relative_to(stored.images) if file.is_relative_to(stored.images) else path).as_posix()
