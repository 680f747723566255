"""Where below a folder do data sets lie, and which are they?"""

import os
from collections.abc import Iterator
from pathlib import Path

from dcac_fastreid.data.doctor.cuhk_sets import cuhk02, cuhk03_raw, cuhk_sysu
from dcac_fastreid.data.doctor.found import MARK, Found
from dcac_fastreid.data.doctor.four_sets import boxes, listed
from dcac_fastreid.data.doctor.own_photos import holds_identities, own_photos
from dcac_fastreid.data.doctor.small_sets import grid, ilids, prid, viper
from dcac_fastreid.data.readers.walk import contents

DEPTH = 3  # folders below the one that was named; cuhk03-np/detected and QMUL-iLIDS/i-LIDS_Pedestrian/Persons are found
KNOWN = (boxes, listed, cuhk03_raw, cuhk02, cuhk_sysu, prid, viper, grid, ilids)


def locate(folder: Path) -> list[Found]:
    """The data sets in a folder and down to DEPTH below it; a folder of people only where no known data set lies.

    A folder that is a data set is not searched for others, nor is one that may not be opened, or that holds links of an
    earlier call.
    """
    known = list(_known(folder, DEPTH, set()))
    return known + list(_own(folder, DEPTH, [found.folder for found in known], set()))


def _known(folder: Path, depth: int, seen: set[str]) -> Iterator[Found]:
    found = next((found for recognise in KNOWN if (found := recognise(folder))), None)
    if found:
        yield found
    elif depth:
        for inner in _inside(folder, seen):
            yield from _known(inner, depth - 1, seen)


def _own(folder: Path, depth: int, taken: list[Path], seen: set[str]) -> Iterator[Found]:
    if folder in taken:
        return
    if not any(folder in other.parents for other in taken) and holds_identities(folder):
        yield own_photos(folder)
    elif depth:
        for inner in _inside(folder, seen):
            yield from _own(inner, depth - 1, taken, seen)


def _inside(folder: Path, seen: set[str]) -> Iterator[Path]:
    """The folders in a folder, those that are no links first; one that was seen already, by another way, is passed over."""
    for inner in sorted(contents(folder)[0], key=os.path.islink):
        real = os.path.realpath(inner)
        if real not in seen and os.access(inner, os.R_OK | os.X_OK) and not (inner / MARK).exists():
            seen.add(real)
            yield inner
