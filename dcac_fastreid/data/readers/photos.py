"""Photos in a folder for each person: who is on them, and which camera took them?"""

import re
from collections import defaultdict
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from dcac_fastreid.data.readers.known_datasets import BOXES
from dcac_fastreid.data.readers.walk import walk
from dcac_fastreid.errors import InputError
from dcac_fastreid.names import as_bytes

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
    return sha256(as_bytes(name)).hexdigest()


def camera_in(name: str) -> str | None:
    """The camera's number in a file name: c3, cam3, cam_3 or Camera-03, as a word of its own or before a sequence (c3s1)."""
    found = CAMERA.search(name)
    return str(int(found[1])) if found else None


def read_photos(folder: Path) -> tuple[list[Photo], list[str]]:
    """All photos PERSON/*.jpg or PERSON/CAMERA/*.jpg of a folder, as `walk` finds them, and sentences on what is passed over.

    Cameras are those of the folders, or of the file names as `camera_in` finds them.

    Raises: InputError: no photo; one that lies beside the people's folders, or too deep; a data set or a camera where a person
        should be.
    """
    walked = walk(folder)
    places = [(path, path.relative_to(folder).parts) for path in walked.images]
    _check_places(folder, places, walked.notes())
    photos = [
        Photo(str(path), parts[0], camera_in(path.stem) if len(parts) == 2 else parts[1]) for path, parts in places
    ]
    return photos, walked.notes()


def _check_places(folder: Path, places: list[tuple[Path, tuple[str, ...]]], notes: list[str]) -> None:
    loose = next((path for path, parts in places if len(parts) == 1), None)
    if loose:
        raise InputError(
            f"{loose} lies in no person's folder, expected PERSON/*.jpg in {folder}; move it to its person, or take it out"
        )
    if not places:
        raise InputError(
            f"{folder} holds no photo in a person's folder, expected a folder for each person with .jpg files in it; "
            + "; ".join(["name the folder that holds the people", *notes])
        )
    identities = sorted({parts[0] for _, parts in places})
    if all(map(CAMERA_FOLDER.fullmatch, identities)):
        raise InputError(
            f"the folders in {folder} are called as cameras, such as {identities[0]}, expected a folder for each person; lay "
            "the photos out as PERSON/CAMERA/*.jpg"
        )
    for person in identities:
        inside = {parts[1] for _, parts in places if parts[0] == person and len(parts) > 2}
        if wrong := sorted(inside & NO_CAMERAS):
            raise InputError(
                f"{folder / person} should be the folder of a person, but holds {', '.join(wrong)} as a data set does; name the "
                "folder that holds the people, or have it as person_folders in the data root"
            )
    deep = next((parts for _, parts in places if len(parts) > 3), None)
    if deep:
        raise InputError(
            f"{folder.joinpath(*deep[:3])} lies too deep, expected PERSON/*.jpg or PERSON/CAMERA/*.jpg; move its photos up"
        )


def check_cameras(folder: Path, photos: list[Photo]) -> None:
    """Raises InputError where some photos tell a camera and others none, or folders inside of people are no cameras."""
    without = [photo for photo in photos if photo.camera is None]
    if without and len(without) < len(photos):
        told = next(photo for photo in photos if photo.camera is not None)
        raise InputError(
            f"{len(without)} of {len(photos)} photos in {folder} tell no camera (first {without[0].path}), the others do, such "
            f"as {told.path}; name the camera of all, as in cam2_0001.jpg or by a folder inside the person's, or of none"
        )
    identities = defaultdict(set)
    for photo in photos:
        if Path(photo.path).parent.name != photo.person:
            identities[photo.camera].add(photo.person)
    if identities and max(map(len, identities.values())) < 2:
        first = next(iter(identities))
        raise InputError(
            f"the folders inside of {folder}/PERSON, such as {first}, should be cameras, but no two people share one; name the "
            "folder that holds the people, or put a person's photos directly into the person's folder"
        )
