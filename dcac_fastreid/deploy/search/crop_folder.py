"""Photos as a folder of crops, one for each person, from which an index can be made."""

import csv
import glob
import itertools
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from tqdm import tqdm

from dcac_fastreid import data
from dcac_fastreid.arguments import as_path
from dcac_fastreid.data.readers.photos import CAMERA_FOLDER
from dcac_fastreid.deploy.detector import Person, PersonDetector
from dcac_fastreid.deploy.images import counted, photos_of
from dcac_fastreid.deploy.search.crop import why_no_crop
from dcac_fastreid.deploy.search.feature_folder import check_outside
from dcac_fastreid.deploy.search.whole_photos import crop_name, nobody_found, people_on, write_crop
from dcac_fastreid.errors import InputError
from dcac_fastreid.names import shown
from dcac_fastreid.output_files import check_writable, left_unfinished, unfinished_path

TABLE = "crops.csv"
COLUMNS = ("path", "photo", "left", "top", "right", "bottom", "score")


@dataclass
class Crops:
    """What a folder of crops was made of. lines: of its table; an empty path where nobody is on a photo."""

    folder: Path
    detector: str
    lines: list[tuple] = field(default_factory=list)
    whole: list[Path] = field(default_factory=list)
    nobody: list[Path] = field(default_factory=list)
    copied: list[Path] = field(default_factory=list)
    left_out: list[Path] = field(default_factory=list)

    def report(self) -> str:
        """Sentences for who made it."""
        people = len(self.lines) - len(self.nobody) - len(self.copied)
        number = "1 person" if people == 1 else f"{people:,} people"
        lines = [f"{self.folder}: {number} on {counted(len(self.whole), 'whole photo')}, found by {self.detector}"]
        for photos, what in (
            (self.nobody, "nobody was found on"),
            (self.copied, "crops already, by their size, and copied as they are:"),
            (self.left_out, "left out, as they cannot be read:"),
        ):
            if photos:
                lines.append(f"{what} {counted(len(photos), 'photo')}, {shown(photos)}")
        return "\n".join([*lines, f"{self.folder / TABLE} tells from which photo each crop is, and from where on it"])


def check_output(output: str | Path, named: Iterable[str | Path]) -> Path:
    """Asks, before the work, whether a folder can take crops; makes nothing.

    Returns: its real path, where it is a link.
    Raises: InputError: it or the folder around it cannot be written, something lies in it, or it lies in a folder of the photos.
    """
    output = as_path(output, "the output folder")
    check_writable(output, "the crops shall go to")
    check_writable(Path(os.path.realpath(output)).parent, "the crops' folder is made in")
    check_outside(output, "the crops shall go to", *(folder for folder in named if os.path.isdir(folder)))
    if output.is_dir() and (there := sorted(os.listdir(output))):
        raise InputError(f"the crops shall go to {output}, which holds {shown(there)}; choose a new folder")
    return Path(os.path.realpath(output)) if output.is_symlink() else output


def crop_photos(
    named: Iterable[str | Path], detector: PersonDetector, output: str | Path, *, skip_unreadable: bool = False
) -> Crops:
    """Writes each person on whole photos as a crop, in the folders of the photos, and TABLE. A photo that may be a crop already is
    copied as it is: a detector may find another person on it, or none.

    Whole or not at all: a folder beside the output is filled, and then takes its place.

    Args: named: photos and folders of them.
    Raises: InputError: as check_output and photos_of, photos that would have one name there, or nobody on any of them.
    """
    named = [as_path(name, "a photo") for name in named]
    output = check_output(output, named)
    files, left_out = photos_of(named, skip_unreadable=skip_unreadable)
    places = places_of(dict.fromkeys(files), named)
    crops = Crops(output, detector.name, left_out=left_out)
    unfinished = unfinished_path(output)
    try:
        for remains in left_unfinished(output.parent, glob.escape(output.name)):
            shutil.rmtree(remains)
        unfinished.mkdir(parents=True)
        _fill(unfinished, places, detector, crops)
        os.rename(unfinished, output)  # an empty folder may be there, no other
    except OSError as error:
        raise InputError(
            f"the crops cannot be written to {output} ({error.strerror or error}); free some space, or choose another folder"
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return crops


def places_of(files: Iterable[Path], named: list[Path]) -> dict[Path, PurePath]:
    """The path of each photo in the new folder: its path in the folder that was named.

    The name of that folder comes before it, if several were named or if it is the name of a camera.

    Raises: InputError: two photos would have one place.
    """
    folders = [folder for folder in named if folder.is_dir()]
    places: dict[Path, PurePath] = {}
    first_at: dict[PurePath, Path] = {}
    for file in files:
        folder = next((folder for folder in folders if file.is_relative_to(folder)), None)
        places[file] = PurePath(file.name) if folder is None else _below(file, folder, several=len(named) > 1)
        if (first := first_at.setdefault(places[file], file)) is not file:
            raise InputError(
                f"the crops of {first} and of {file} would have the same names; name a folder that holds both, or crop them one "
                "after the other into two folders"
            )
    return places


def _below(file: Path, folder: Path, *, several: bool) -> PurePath:
    name = os.path.basename(os.path.realpath(folder))
    return PurePath(name if several or CAMERA_FOLDER.fullmatch(name) else "", file.relative_to(folder))


def _fill(folder: Path, places: dict[Path, PurePath], detector: PersonDetector, crops: Crops) -> None:
    """Writes the crops, and TABLE. Raises InputError: there are none."""
    whole = {photo for photo in places if why_no_crop(photo)}
    taken = {place for photo, place in places.items() if photo not in whole}
    for photo, place in tqdm(places.items(), desc="people", unit="photo", disable=None, leave=False):
        if photo not in whole:
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(photo, folder / place)
            crops.copied.append(photo)
            crops.lines.append(_line(place, photo))
            continue
        people = people_on(data.read_image(str(photo)), detector)
        crops.whole.append(photo)
        if not people:
            crops.nobody.append(photo)
            crops.lines.append(_line("", photo))
        for (person, crop), name in zip(people, _free(place, taken), strict=False):
            write_crop(crop, folder / name)
            taken.add(name)
            crops.lines.append(_line(name, photo, person))
    if len(crops.nobody) == len(places):
        raise nobody_found(crops.nobody, detector)
    with open(folder / TABLE, "w", newline="", encoding="utf-8", errors="surrogateescape") as stream:
        csv.writer(stream).writerows([COLUMNS, *crops.lines])


def _line(path: str | PurePath, photo: Path, person: Person | None = None) -> tuple:
    found = [""] * 5 if person is None else [*person.box, f"{person.score:.3f}"]
    return PurePath(path).as_posix() if path else "", os.path.abspath(photo), *found


def _free(photo: PurePath, taken: set[PurePath]) -> Iterator[PurePath]:
    """Names for the people on a photo that no other crop has: a.jpg and a.png may lie side by side."""
    for number in itertools.count(1):
        if (place := photo.with_name(crop_name(photo, number))) not in taken:
            yield place
