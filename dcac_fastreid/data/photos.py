"""Photos in a folder for each person: who is on them, and which camera took them?"""

import os
import re
from collections import defaultdict
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from dcac_fastreid.data.file_names import PICTURES
from dcac_fastreid.data.known_datasets import BOXES
from dcac_fastreid.errors import InputError

PHOTOS = (*PICTURES, ".bmp", ".webp", ".tif", ".tiff")
CAMERA = re.compile(r"(?:^|[^a-z0-9])(?:cam(?:era)?[-_ ]?|c)(\d+)(?=s\d|[^a-z0-9]|$)", re.IGNORECASE)
CAMERA_FOLDER = re.compile(r"cam(?:era)?[-_ ]?(?:\d+|[a-z])", re.IGNORECASE)
NO_CAMERAS = {*BOXES, "train", "test", "gallery"}  # whose folder holds such a one is a data set, and no person


@dataclass(frozen=True)
class Photo:
    path: str
    person: str  # the folder's name
    camera: str | None

    @property
    def lot(self) -> str:
        """By which photos are drawn: the same on every machine, and however many others there are."""
        return draw_lot(f"{self.person}/{Path(self.path).name}")


def draw_lot(name: str) -> str:
    """A name's place in an order that looks random and is the same everywhere."""
    return sha256(name.encode()).hexdigest()


def camera_in(name: str) -> str | None:
    """The camera's number in a file name: c3, cam3, cam_3 or Camera-03, as a word of its own or before a sequence (c3s1)."""
    found = CAMERA.search(name)
    return str(int(found[1])) if found else None


def read_photos(folder: Path) -> list[Photo]:
    """All photos PERSON/*.jpg or PERSON/CAMERA/*.jpg of a folder, by name; cameras in file names as `camera_in` finds them.

    Hidden files and folders, and files that are no pictures by their ending, are passed over.

    Raises: InputError: no photo; one that lies beside the persons' folders, or too deep; a data set or a camera where a person
        should be.
    """
    _, loose = contents(folder)
    if loose:
        raise InputError(
            f"{loose[0]} lies in no person's folder, expected PERSON/*.jpg in {folder}; move it to its person, or take it out"
        )
    persons, _ = contents(folder)
    if persons and all(CAMERA_FOLDER.fullmatch(person.name) for person in persons):
        raise InputError(
            f"the folders in {folder} are called as cameras, such as {persons[0].name}, expected a folder for each person; lay "
            "the photos out as PERSON/CAMERA/*.jpg"
        )
    photos = [photo for person in persons for photo in _photos_of(person)]
    if not photos:
        raise InputError(
            f"{folder} holds no photo in a person's folder, expected a folder for each person with .jpg files in it; "
            "name the folder that holds the persons"
        )
    return photos


def check_cameras(folder: Path, photos: list[Photo]) -> None:
    """Raises InputError where some photos tell a camera and others none, or folders inside of persons are no cameras."""
    without = [photo for photo in photos if photo.camera is None]
    if without and len(without) < len(photos):
        told = next(photo for photo in photos if photo.camera is not None)
        raise InputError(
            f"{len(without)} of {len(photos)} photos in {folder} tell no camera (first {without[0].path}), the others do, such "
            f"as {told.path}; name the camera of all, as in cam2_0001.jpg or by a folder inside the person's, or of none"
        )
    persons = defaultdict(set)
    for photo in photos:
        if Path(photo.path).parent.name != photo.person:
            persons[photo.camera].add(photo.person)
    if persons and max(map(len, persons.values())) < 2:
        first = next(iter(persons))
        raise InputError(
            f"the folders inside of {folder}/PERSON, such as {first}, should be cameras, but no two persons share one; name the "
            "folder that holds the persons, or put a person's photos directly into the person's folder"
        )


def contents(folder: Path) -> tuple[list[Path], list[Path]]:
    """The folders and the photos in a folder, by name; hidden ones are passed over."""
    with os.scandir(folder) as entries:
        shown = sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)
        folders = [folder / entry.name for entry in shown if entry.is_dir()]
        photos = [folder / entry.name for entry in shown if entry.name.lower().endswith(PHOTOS) and not entry.is_dir()]
    return folders, photos


def _photos_of(person: Path) -> list[Photo]:
    cameras, direct = contents(person)
    wrong = sorted({camera.name for camera in cameras} & NO_CAMERAS)
    if wrong:
        raise InputError(
            f"{person} should be the folder of a person, but holds {', '.join(wrong)} as a data set does; name the folder that "
            "holds the persons, or have it as person_folders in the data root"
        )
    photos = [Photo(str(path), person.name, camera_in(path.stem)) for path in direct]
    for camera in cameras:
        deeper, inside = contents(camera)
        if deeper:
            raise InputError(
                f"{deeper[0]} lies too deep, expected PERSON/*.jpg or PERSON/CAMERA/*.jpg; move its photos up"
            )
        photos += [Photo(str(path), person.name, camera.name) for path in inside]
    return photos
