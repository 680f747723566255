"""Pictures of which it is known who is on them, to calibrate on. n pictures."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dcac_fastreid import data
from dcac_fastreid.arguments import as_path
from dcac_fastreid.data.near_duplicates import look_hashes, near_duplicate_groups
from dcac_fastreid.data.readers.known_datasets import KNOWN_DATASETS
from dcac_fastreid.data.readers.photos import check_cameras, read_photos
from dcac_fastreid.data.readers.read_dataset import read_dataset
from dcac_fastreid.data.readers.walk import check_folder
from dcac_fastreid.data.warn_once import warn_of_passed_over
from dcac_fastreid.deploy.images import readable
from dcac_fastreid.errors import InputError


@dataclass(frozen=True)
class KnownPeople:
    """persons, places: (n,), whole numbers.

    Two pictures of a person at one place say little about how alike the person's pictures are elsewhere. Places are the
    cameras; where these are unknown, groups of near-duplicates.
    """

    name: str
    paths: list[Path]
    persons: np.ndarray
    places: np.ndarray
    cameras_known: bool


def people_in_folder(folder: str | Path, *, skip_unreadable: bool = False) -> KnownPeople:
    """A folder for each person, PERSON/*.jpg, with cameras in the file names or without.

    Raises: InputError: no such folder, no persons in it, cameras of some photos alone, pictures that cannot be read.
    """
    folder = as_path(folder, "the folder of the persons")
    check_folder(folder, "a folder with one for each person")
    photos, notes = read_photos(folder)
    warn_of_passed_over(notes)
    check_cameras(folder, photos)
    items = [(photo.path, photo.person, photo.camera) for photo in photos]
    return _known(os.path.basename(os.path.realpath(folder)), items, skip_unreadable)


def people_of_dataset(name: str, root: str = "", *, skip_unreadable: bool = False) -> KnownPeople:
    """Query and gallery of a data set in a data root, whose persons no training sees; distractors are left out.

    Args: root: as DATASETS.ROOT.
    Raises: InputError: no such data set, one that is not complete, pictures that cannot be read.
    """
    try:
        dataset = read_dataset(name, data.data_root(root))
    except KeyError as error:
        raise InputError(f"there is no data set {name!r}; known are {', '.join(KNOWN_DATASETS)} and others") from error
    items = dict.fromkeys(item[:3] for item in (*dataset.query, *dataset.gallery) if item[1] not in dataset._junk_pids)
    return _known(
        name, [(path, person, camera if camera != -1 else None) for path, person, camera in items], skip_unreadable
    )


def _known(name: str, items: Sequence[tuple], skip_unreadable: bool) -> KnownPeople:
    """items: (path, person, camera or None)."""
    left, _ = readable([Path(path) for path, _, _ in items], skip=skip_unreadable, what=name)
    left = set(left)
    items = [item for item in items if Path(item[0]) in left]
    paths, persons, cameras = ([item[part] for item in items] for part in range(3))
    cameras_known = None not in cameras
    if cameras_known:
        places = np.unique(np.array(cameras), return_inverse=True)[1]
    else:
        hashes = look_hashes(paths)
        places = near_duplicate_groups([hashes.get(path) for path in paths])
    numbers = np.unique(np.array(persons), return_inverse=True)[1]
    return KnownPeople(name, [Path(path) for path in paths], numbers, places, cameras_known)
