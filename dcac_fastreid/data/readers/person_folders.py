"""PersonFolders: one's own photos, a folder for each person, as a data set."""

import logging
import os
from dataclasses import dataclass
from pathlib import Path

from dcac_fastreid.data.near_duplicates import BITS, LIMIT, near_duplicate_groups, perceptual_hashes
from dcac_fastreid.data.readers.dg_datasets import VALIDATION
from dcac_fastreid.data.readers.file_names import DIGITS
from dcac_fastreid.data.readers.photo_splits import query_and_gallery, train_half
from dcac_fastreid.data.readers.photos import Photo, check_cameras, read_photos
from dcac_fastreid.data.readers.walk import check_folder, contents
from dcac_fastreid.errors import InputError
from dcac_fastreid.warn_once import warn_of_passed_over

logger = logging.getLogger("fastreid.dcac")

FOLDER = "person_folders"  # below the data root, where the root holds other data sets too
PARTS = ("train", "test", "query", "gallery")
FORMS = "a folder for each person; or train and test, or train, query and gallery, with such folders in them"


@dataclass(frozen=True)
class OwnSplits:
    """left_out: photos in no split; cameras: known for the test; notes: on files and links that were passed over."""

    train: list[Photo]
    query: list[Photo]
    gallery: list[Photo]
    left_out: list[Photo]
    cameras: bool
    notes: list[str]


class PersonFolders:
    """One's own photos: PERSON/*.jpg, for training and testing without any other preprocessing.

    They lie in the folder `person_folders` below the data root, or, where it has none, in the root itself. In that folder is
    - a folder for each person: half of the people are trained on (`train_half`), the others are tested; or
    - train, test or both, each with such folders: the first is trained on, the second tested; or
    - query and gallery, and train or not, each with such folders: tested as they are.

    A photo's camera is told by a folder inside of the person's, PERSON/CAMERA/*.jpg, or by its name, cam2_0001.jpg or
    0002_c1s1_7.jpg (`photos.camera_in`). With cameras the test is the usual one: a match by the query's camera does not count.

    Without cameras nobody can tell which matches are of the same camera and moment, and they are the easy ones. All matches
    count then, but no gallery photo is a near-duplicate of a query of the same person (`near_duplicates`): such photos are
    left out. The score is still a flattering one, comparable with others of the same folder alone. Log and run metadata say so.

    Training labels are "own_PERSON"; people in query and gallery are numbers: the folder's name where all names are numbers
    of up to 9 digits, else the place in the order of names. A third of the cameras of a person (without cameras: of the photos
    that are no near-duplicates of each other), at least one and at most six, give a query each, drawn by the photos' names
    (`query_and_gallery`); where query and gallery are folders, all photos in query ask.

    Attributes:
        splits: what is in which split, as OwnSplits.
        variant: in words, how split and cameras came about.
        person_names: number in query and gallery -> the folder's name.
    Raises: InputError: no such folder, no photos in it, or an order that leaves person or camera open; names the path.
    """

    _junk_pids = ()
    dataset_name = "own"
    validation = ()

    def __init__(self, root: str | Path = "datasets", verbose: bool = True):
        folder = folder_below(root)
        self.splits = read_splits(folder)
        self.variant = _in_words(folder, self.splits)
        self._folder = folder
        self.train = [
            (photo.path, f"own_{photo.person}", f"own_{photo.camera or 'unknown'}") for photo in self.splits.train
        ]
        numbers = _numbers({photo.person for photo in (*self.splits.query, *self.splits.gallery)})
        self.person_names = {number: name for name, number in numbers.items()}
        self.query, self.gallery = _tested(self.splits, numbers)
        if verbose:
            self.tell()

    def tell(self) -> None:
        """Logs the folder and how it was split, and warnings of what was passed over, and of cameras that are unknown."""
        logger.info(f"PersonFolders is read from {self._folder}: {self.variant}")
        warn_of_passed_over(self.splits.notes)
        if self.splits.query and not self.splits.cameras:
            logger.warning(
                "PersonFolders: cameras are unknown, so a match may be by the query's own camera and of the same moment; "
                "its score is higher than under the usual protocol, and compares with none but its own"
            )

    def has_cameras(self, split: str) -> bool:
        """Are the cameras of train, query or gallery known? Where not, fast-reid gets other labels in their place.

        Those of validation identities, which are held out of train, are train's.
        """
        split = "train" if split == VALIDATION else split
        photos = getattr(self.splits, split)
        return _have_cameras(photos) and (split == "train" or self.splits.cameras)


def cameras_known(dataset, split: str) -> bool:
    """As PersonFolders tells of its own; every other data set's are."""
    return not isinstance(dataset, PersonFolders) or dataset.has_cameras(split)


def person_names(dataset) -> dict[int, str]:
    """Number in the test -> name, as PersonFolders tells of its own; every other data set's people are called by numbers."""
    return dataset.person_names if isinstance(dataset, PersonFolders) else {}


def folder_below(root: str | Path) -> Path:
    """The folder below a data root in which one's own photos lie. Raises InputError: the root is no folder."""
    folder = Path(root) / FOLDER if (Path(root) / FOLDER).is_dir() else Path(root)
    check_folder(folder, f"the DATASETS.ROOT of PersonFolders, {FORMS}")
    return folder


def read_splits(folder: Path) -> OwnSplits:
    """Raises InputError: as PersonFolders."""
    parts = {part: folder / part for part in PARTS if (folder / part).is_dir()}
    beside = [other for other in contents(folder)[0] if other.name not in PARTS]
    if not parts:
        return _divided(folder)
    if beside or ("query" in parts) != ("gallery" in parts) or {"test", "query"} <= parts.keys():
        found = ", ".join([*parts, *(other.name for other in beside[:3])])
        raise InputError(f"{folder} holds {found}; expected {FORMS}, and nothing else")
    read, notes = {}, []
    for part, path in parts.items():
        read[part], passed_over = read_photos(path)
        notes += passed_over
    train = read.get("train", [])
    check_cameras(folder / "train", train)
    if "test" in read:
        check_cameras(folder / "test", read["test"])
        return _split(train, read["test"], notes)
    query, gallery = read.get("query", []), read.get("gallery", [])
    check_cameras(folder, query + gallery)
    cameras = _have_cameras(query + gallery)
    left_out = set() if cameras else _seen_in_queries(query, gallery)
    kept = [photo for photo in gallery if photo not in left_out]
    return OwnSplits(train, query, kept, sorted(left_out, key=lambda photo: photo.path), cameras, notes)


def _divided(folder: Path) -> OwnSplits:
    photos, notes = read_photos(folder)
    check_cameras(folder, photos)
    trained = train_half(photo.person for photo in photos)
    train = [photo for photo in photos if photo.person in trained]
    return _split(train, [photo for photo in photos if photo.person not in trained], notes)


def _split(train: list[Photo], test: list[Photo], notes: list[str]) -> OwnSplits:
    cameras = _have_cameras(test)
    places = [photo.camera for photo in test] if cameras else _scenes(test)
    return OwnSplits(train, *query_and_gallery(test, places, keep_rest=cameras), cameras, notes)


def _have_cameras(photos: list[Photo]) -> bool:
    return bool(photos) and photos[0].camera is not None  # all have one, or none: check_cameras


def _scenes(photos: list[Photo]) -> list[int]:
    """For each photo, its group among the near-duplicates of the same person; groups of two people have different numbers."""
    hashes = perceptual_hashes(photo.path for photo in photos if os.path.exists(photo.path))
    scenes, by_person = [0] * len(photos), {}
    for index, photo in enumerate(photos):
        by_person.setdefault(photo.person, []).append(index)
    for indices in by_person.values():
        groups = near_duplicate_groups([hashes.get(photos[index].path) for index in indices])
        for index, group in zip(indices, groups, strict=True):
            scenes[index] = indices[group]  # a number of their own for each person
    return scenes


def _seen_in_queries(query: list[Photo], gallery: list[Photo]) -> set[Photo]:
    """Photos of the gallery that are near-duplicates of a query of the same person."""
    scenes = _scenes([*query, *gallery])
    asked = set(scenes[: len(query)])
    return {photo for photo, scene in zip(gallery, scenes[len(query) :], strict=True) if scene in asked}


def _tested(splits: OwnSplits, identities: dict[str, int]) -> tuple[list[tuple], list[tuple]]:
    """Query and gallery as (path, person, camera), in numbers; without cameras, all queries by one and the gallery by another."""
    photos = splits.query + splits.gallery
    cameras = {name: number for number, name in enumerate(sorted({str(photo.camera) for photo in photos}))}
    return tuple(
        [
            (photo.path, identities[photo.person], cameras[str(photo.camera)] if splits.cameras else unknown)
            for photo in split
        ]
        for unknown, split in enumerate((splits.query, splits.gallery))
    )


def _numbers(names: set[str]) -> dict[str, int]:
    if all(name.isdecimal() and len(name) <= DIGITS for name in names):
        numbers = {name: int(name) for name in names}
        if len(set(numbers.values())) == len(names):
            return numbers
    return {name: number for number, name in enumerate(sorted(names))}


def _in_words(folder: Path, splits: OwnSplits) -> str:
    parts = [part for part in PARTS if (folder / part).is_dir()]
    how = f"split as its folders {', '.join(parts)}" if parts else "half of the people trained on, drawn by their names"
    if not splits.query and not splits.gallery:
        return f"{how}; no test"
    if splits.cameras:
        named = len({photo.camera for photo in (*splits.query, *splits.gallery)})
        return f"{how}; {named} cameras in the test, from file names or folders"
    return (
        f"{how}; cameras unknown, so {len(splits.left_out)} of "
        f"{len(splits.query) + len(splits.gallery) + len(splits.left_out)} test photos are left out as near-duplicates of a query "
        f"(difference hash, {LIMIT} of {BITS} bits or less)"
    )
