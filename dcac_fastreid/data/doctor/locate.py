"""Where below a folder do data sets lie, and which are they?"""

import os
from collections.abc import Iterator
from pathlib import Path

from dcac_fastreid.data.doctor.cuhk_sets import cuhk02, cuhk03_raw, cuhk_sysu
from dcac_fastreid.data.doctor.found import MARK, Found
from dcac_fastreid.data.doctor.four_sets import boxes, listed
from dcac_fastreid.data.doctor.own_photos import holds_persons, own_photos
from dcac_fastreid.data.doctor.small_sets import grid, ilids, prid, viper
from dcac_fastreid.data.photos import contents

DEPTH = 3  # folders below the one that was named; cuhk03-np/detected and QMUL-iLIDS/i-LIDS_Pedestrian/Persons are found
KNOWN = (boxes, listed, cuhk03_raw, cuhk02, cuhk_sysu, prid, viper, grid, ilids)


def locate(folder: Path) -> list[Found]:
    """The data sets in a folder and down to DEPTH below it; a folder of persons only where no known data set lies.

    A folder that is a data set is not searched for others, nor is one that may not be opened, or that holds links of an
    earlier call.
    """
    known = list(_known(folder, DEPTH))
    return known + list(_own(folder, DEPTH, [found.folder for found in known]))


def _known(folder: Path, depth: int) -> Iterator[Found]:
    found = next((found for recognise in KNOWN if (found := recognise(folder))), None)
    if found:
        yield found
    elif depth:
        for inner in _inside(folder):
            yield from _known(inner, depth - 1)


def _own(folder: Path, depth: int, taken: list[Path]) -> Iterator[Found]:
    if folder in taken:
        return
    if not any(folder in other.parents for other in taken) and holds_persons(folder):
        yield own_photos(folder)
    elif depth:
        for inner in _inside(folder):
            yield from _own(inner, depth - 1, taken)


def _inside(folder: Path) -> list[Path]:
    return [
        inner for inner in contents(folder)[0] if os.access(inner, os.R_OK | os.X_OK) and not (inner / MARK).exists()
    ]
