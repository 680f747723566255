"""Images of a folder or a list file, with the person and the camera that the file names tell."""

import codecs
import functools
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dcac_fastreid.data.readers.walk import contents
from dcac_fastreid.errors import InputError

DIGITS = 9  # of a person's number: more do not fit where the evaluation keeps them
JUNK = -1  # the person of boxes that show nobody in full
# Compiled, as they are asked of a hundred thousand lines.
LINE = re.compile(r"[\"']?(.*[^\s,;\"'])[\"']?[\s,;]+[\"']?([0-9]+)")
NOT_PLAIN = re.compile(r"(?:^|/)\.?(?:/|$)")  # of a path: ./a.jpg, a//b.jpg


@dataclass(frozen=True)
class FileNaming:
    """How the images of a data set are called.

    pattern: of the beginning of a file name; its groups are person and camera.
    example: a file name as it should be.
    identities, cameras: the numbers that occur; cameras count from 1.
    """

    pattern: str
    example: str
    identities: range
    cameras: range

    @functools.cached_property
    def _begins(self) -> re.Pattern:
        return re.compile(self.pattern)

    def read(self, path: str | Path) -> tuple[int, int]:
        """Person, or JUNK, and camera from 0. Reads the name alone: folders may be called as they like.

        Raises: InputError: a name of another form, a person or camera out of range.
        """
        found = self._begins.match(os.path.basename(path))
        if not found:
            raise InputError(
                f"{path} has a name that tells no person and camera, expected one such as {self.example}; "
                "rename it, or take it out"
            )
        person, camera = map(int, found.groups())
        if person == JUNK:
            return JUNK, camera - 1
        for what, number, known in (("person", person, self.identities), ("camera", camera, self.cameras)):
            if number not in known:
                raise InputError(
                    f"{path} names {what} {number}, expected {known[0]} to {known[-1]} (as in {self.example}); "
                    "rename it, or take it out"
                )
        return person, camera - 1


def read_folder(folder: Path, naming: FileNaming) -> list[tuple[str, int, int]]:
    """(path, person, camera from 0) of the images that lie directly in a folder, by name; junk is left out.

    Other files (Thumbs.db, hidden ones such as ._0002_c1.jpg) are passed over.

    Raises: InputError: no image, or a name that does not fit.
    """
    items = [(str(path), *naming.read(path)) for path in contents(folder)[1]]
    items = [item for item in items if item[1] != JUNK]
    if not items:
        raise InputError(f"{folder} holds no image, expected files such as {naming.example}; copy the data set again")
    return items


def read_list(file: Path, folder: Path, naming: FileNaming) -> list[tuple[str, int, int]]:
    """(path, person, camera from 0) of the images that a list file names, in its order.

    A line is the image's path inside `folder`, blanks, and the person, which is counted as the list counts; blank lines
    are passed over. As editors and other systems write it: UTF-8 or UTF-16, any line ends, tabs or commas for blanks, quotes
    around a path, backslashes in it.

    Raises: InputError: no line, a line or name that does not fit, an image with two people, or one that is not there.
    """
    present = functools.cache(_names_in)  # a look at every folder: on a network drive, one at every file takes minutes
    items, absent, first = [], [], {}
    for number, line in enumerate(re.split(r"\r\n|\r|\n", _text(file)), start=1):
        if not line.strip():
            continue
        name, person = _entry(line, f"{file}, line {number},", naming)
        path = _below(folder, name)
        there = _is_in(path, present)
        if not there and "\\" in name:
            path = _below(folder, name.replace("\\", "/"))
            there = _is_in(path, present)
        if not there:
            absent.append(path)
        before, listed_as = first.setdefault(path, (number, person))
        if listed_as != person:
            raise InputError(
                f"{file} lists {os.path.basename(path)} as person {listed_as} in line {before} and as {person} in line {number}; "
                "take one out"
            )
        items.append((path, person, naming.read(path)[1]))
    if absent:
        raise InputError(f"{file} lists {len(absent)} images that are not there, first {absent[0]}; copy them again")
    if not items:
        raise InputError(f"{file} lists no image, expected lines such as 0000/{naming.example} 0; copy it again")
    return items


def _entry(line: str, place: str, naming: FileNaming) -> tuple[str, int]:
    """Path and person of a line; "/" in front of a path, which would lead out of the folder, is none of its."""
    bare = line.strip().strip("\"'")
    found = LINE.fullmatch(bare)
    if not found:
        raise InputError(
            f"{place} is {line!r:.200}; expected an image, a blank and a person, such as 0000/{naming.example} 0"
        )
    if len(found[2]) > DIGITS:
        raise InputError(f"{place} names person {found[2]:.20}, expected a number of at most {DIGITS} digits")
    return found[1].lstrip("/"), int(found[2])


def _text(file: Path) -> str:
    """What a list says: in UTF-8, names that are none kept as they are; UTF-16 is told by its mark, or by its zeros.

    Raises: InputError: it is neither.
    """
    content = file.read_bytes()
    encoding, errors = "utf-8-sig", "surrogateescape"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding, errors = "utf-16", "strict"
    elif 0 in content:
        encoding, errors = ("utf-16-le" if content[1::2].count(0) > content[::2].count(0) else "utf-16-be"), "strict"
    try:
        text = content.decode(encoding, errors)
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is no text in UTF-8 or UTF-16 ({error.reason}); copy it again") from error
    if "\0" in text:
        raise InputError(f"{file} is no text, as it has zero bytes; copy it again")
    return text


def _below(folder: Path, name: str) -> str:
    """str(folder / name), which of a hundred thousand names takes seconds, and is needed for few."""
    return str(folder / name) if NOT_PLAIN.search(name) else f"{folder}{os.sep}{name}"


def _is_in(path: str, present: Callable[[str], frozenset[str]]) -> bool:
    folder, _, name = path.rpartition(os.sep)
    return name in present(folder)


def _names_in(folder: str) -> frozenset[str]:
    return frozenset(os.listdir(folder)) if os.path.isdir(folder) else frozenset()
