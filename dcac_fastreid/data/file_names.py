"""Pictures of a folder or a list file, with the person and the camera that the file names tell."""

import functools
import os
import re
from dataclasses import dataclass
from pathlib import Path

from dcac_fastreid.data.walk import contents
from dcac_fastreid.errors import InputError

JUNK = -1  # the person of boxes that show nobody in full


@dataclass(frozen=True)
class FileNaming:
    """How the pictures of a data set are called.

    pattern: of the beginning of a file name; its groups are person and camera.
    example: a file name as it should be.
    persons, cameras: the numbers that occur; cameras count from 1.
    """

    pattern: str
    example: str
    persons: range
    cameras: range

    def read(self, path: Path) -> tuple[int, int]:
        """Person, or JUNK, and camera from 0. Reads the name alone: folders may be called as they like.

        Raises: InputError: a name of another form, a person or camera out of range.
        """
        found = re.match(self.pattern, path.name)
        if not found:
            raise InputError(
                f"{path} has a name that tells no person and camera, expected one such as {self.example}; "
                "rename it, or take it out"
            )
        person, camera = map(int, found.groups())
        if person == JUNK:
            return JUNK, camera - 1
        for what, number, known in (("person", person, self.persons), ("camera", camera, self.cameras)):
            if number not in known:
                raise InputError(
                    f"{path} names {what} {number}, expected {known[0]} to {known[-1]} (as in {self.example}); "
                    "rename it, or take it out"
                )
        return person, camera - 1


def read_folder(folder: Path, naming: FileNaming) -> list[tuple[str, int, int]]:
    """(path, person, camera from 0) of the pictures that lie directly in a folder, by name; junk is left out.

    Other files (Thumbs.db, hidden ones such as ._0002_c1.jpg) are passed over.

    Raises: InputError: no picture, or a name that does not fit.
    """
    items = [(str(path), *naming.read(path)) for path in contents(folder)[1]]
    items = [item for item in items if item[1] != JUNK]
    if not items:
        raise InputError(f"{folder} holds no picture, expected files such as {naming.example}; copy the data set anew")
    return items


def read_list(file: Path, folder: Path, naming: FileNaming) -> list[tuple[str, int, int]]:
    """(path, person, camera from 0) of the pictures that a list file names, in its order.

    A line is the picture's path inside `folder`, a blank, and the person, which is counted as the list counts; blank
    lines are passed over.

    Raises: InputError: no line, a line or name that does not fit, or a picture that is not there.
    """
    present = functools.cache(_names_in)  # a look at every folder: on a network drive, one at every file takes minutes
    items, absent = [], []
    for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        if not line.strip():
            continue
        found = re.fullmatch(r"(.*\S)\s+(\d+)", line.strip())
        if not found:
            raise InputError(
                f"{file}, line {number}, is {line!r}; expected a picture, a blank and a person, "
                f"such as 0000/{naming.example} 0"
            )
        path = folder / found[1]
        if path.name not in present(path.parent):
            absent.append(path)
        items.append((str(path), int(found[2]), naming.read(path)[1]))
    if absent:
        raise InputError(f"{file} lists {len(absent)} pictures that are not there, first {absent[0]}; copy them anew")
    if not items:
        raise InputError(f"{file} lists no picture, expected lines such as 0000/{naming.example} 0; copy it anew")
    return items


def _names_in(folder: Path) -> frozenset[str]:
    return frozenset(os.listdir(folder)) if folder.is_dir() else frozenset()
