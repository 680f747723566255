"""Market1501, DukeMTMC-reID, MSMT17 and CUHK03-NP: folders of bounding boxes, or MSMT17's list files."""

import re
from dataclasses import dataclass
from pathlib import Path

from dcac_fastreid.data.doctor.found import Finding, Found, Item, Published, shown
from dcac_fastreid.data.doctor.naming import missing
from dcac_fastreid.data.readers.dg_datasets import (
    DG_CUHK03NP,
    DG_MSMT17,
    SPLITS,
    DG_CUHK03NPLabeled,
    DG_DukeMTMC,
    DG_Market1501,
    NamedFilesDataset,
)
from dcac_fastreid.data.readers.file_names import JUNK, FileNaming, read_list
from dcac_fastreid.data.readers.known_datasets import BOXES, KNOWN_DATASETS, LISTED, LISTED_MASKED, LISTS
from dcac_fastreid.data.readers.walk import contents
from dcac_fastreid.errors import InputError

MSMT17_ORIGINAL = r"\d+_\d+_\d+_\d+(morning|noon|afternoon)_\d+_\d+\."


@dataclass(frozen=True)
class Boxes:
    """A data set in bounding_box_train, query and bounding_box_test.

    names: of its images, more strictly than its class reads them: to be told from the others.
    """

    name: str
    reader: type[NamedFilesDataset]
    names: str
    target: str


KINDS = (
    Boxes("Market1501", DG_Market1501, r"-?\d+_c\d+s\d+_\d+_\d+\.", "Market-1501-v15.09.15"),
    Boxes("DukeMTMC-reID", DG_DukeMTMC, r"\d+_c\d+_f\d+\.", "DukeMTMC-reID"),
    Boxes("MSMT17", DG_MSMT17, rf"{MSMT17_ORIGINAL}|\d+_c\d+_\d{{4,}}\.", "MSMT17"),
    Boxes("CUHK03-NP", DG_CUHK03NP, r"\d+_c[12]_\d{1,3}\.", "cuhk03-np/detected"),
)
SOURCE = "the literature, as in dcac_fastreid/data/readers/known_datasets.py"


def boxes(folder: Path) -> Found | None:
    """A folder that holds bounding_box_train or bounding_box_test; which data set it is, the images' names tell."""
    present = [part for part in BOXES if (folder / part).is_dir()]
    if not {BOXES[0], BOXES[2]} & set(present):
        return None
    images = {part: contents(folder / part)[1] for part in present}
    names = [path.name for paths in images.values() for path in paths]
    fitting = {kind: sum(bool(re.match(kind.names, name)) for name in names) for kind in KINDS}
    kind = max(fitting, key=fitting.get)
    if not fitting[kind]:
        return _unknown(folder, names)
    found = _found(kind.name, folder, ", ".join(BOXES), kind.reader, kind.target)
    if kind.name == "CUHK03-NP":
        found = _detected_or_labeled(found, len(images.get(BOXES[2], ())))
    if kind.name == "MSMT17":
        found.findings.append(
            Finding(
                "note", "the version of MSMT17, V1 or V2 with blurred faces, is not told by this layout", stops=False
            )
        )
        if folder.name == "MSMT17_V1":  # there DG_MSMT17 takes it for V1
            found.target = "msmt17v1/MSMT17_V1"
    missing(found, [part for part in BOXES if part not in present])
    for split, part in zip(SPLITS, BOXES, strict=True):
        if part in present:
            found.splits[split] = _named(found, folder / part, images[part], kind.reader.naming)
    return found


def listed(folder: Path) -> Found | None:
    """MSMT17 as it is published: train, test and four list files; version 2 has mask_train_v2 and mask_test_v2."""
    masked = any((folder / part).is_dir() for part in LISTED_MASKED[:2])
    parts = LISTED_MASKED if masked else LISTED
    absent = [part for part in parts if not (folder / part).exists()]
    if not masked and not any((folder / file).is_file() for file in LISTS) and not _has_original_names(folder):
        return None
    found = _found("MSMT17", folder, ", ".join((*parts[:2], "list_*.txt")), DG_MSMT17, "")
    found.target = "MSMT17_V2" if masked else "MSMT17_V1"
    missing(found, absent)
    read = {}
    for file, part in zip(LISTS, (parts[0], parts[0], parts[1], parts[1]), strict=True):
        read[file] = []
        if not {file, part} & set(absent):
            try:
                read[file] = read_list(folder / file, folder / part, DG_MSMT17.naming)
            except InputError as error:
                found.findings.append(Finding("name", str(error)))
    train, val, query, gallery = read.values()
    found.splits = dict(zip(SPLITS, (train + val, query, gallery), strict=True))
    return found


def _found(name: str, folder: Path, layout: str, reader: type, target: str) -> Found:
    known = KNOWN_DATASETS[reader.__name__]
    published = Published(known.counts, len(reader.naming.cameras), SOURCE)
    return Found(name, folder, layout, reader.__name__, known.forms, target, {"": folder}, published=published)


def _detected_or_labeled(found: Found, gallery: int) -> Found:
    """The two forms have the same names: the folder tells, or else the number of images in the gallery."""
    labeled = KNOWN_DATASETS["DG_CUHK03NPLabeled"].counts["gallery"][1]
    told = found.folder.name in ("detected", "labeled")
    if found.folder.name == "labeled" or not told and gallery == labeled:
        found = _found("CUHK03-NP", found.folder, found.layout, DG_CUHK03NPLabeled, "cuhk03-np/labeled")
    found.name += f", {'labeled' if found.reader.endswith('Labeled') else 'detected'} boxes"
    if not told:
        found.findings.append(
            Finding(
                "note",
                f"{found.folder} does not say whether its boxes are detected or labeled; taken for "
                f"{found.target.rpartition('/')[2]} by the number of images in bounding_box_test, {gallery:,}; rename it",
                stops=False,
            )
        )
    return found


def _unknown(folder: Path, names: list[str]) -> Found:
    what = f"names of no data set known here, such as {names[0]}" if names else "no image"
    return Found(
        "boxes of an unknown data set",
        folder,
        ", ".join(BOXES),
        findings=[
            Finding(
                "name",
                f"{folder} has folders of bounding boxes with {what}; name them as Market1501 does "
                f"({DG_Market1501.naming.example}), or put each person's images into a folder of their own, for PersonFolders",
            )
        ],
    )


def _named(found: Found, folder: Path, paths: list[Path], naming: FileNaming) -> list[Item]:
    """The items of the images whose names tell person and camera; the others are a finding."""
    items, strangers = [], []
    for path in paths:
        try:
            items.append((str(path), *naming.read(path)))
        except InputError:
            strangers.append(path.name)
    if strangers:
        found.findings.append(
            Finding(
                "name",
                f"{len(strangers)} images in {folder} have names with no person and camera, or ones out of range: "
                f"{shown(strangers)}; expected names such as {naming.example}; rename them, or take them out",
            )
        )
    items = [item for item in items if item[1] != JUNK]
    if not items and not strangers:
        found.findings.append(Finding("missing", f"{folder} holds no image; copy the data set again"))
    return items


def _has_original_names(folder: Path) -> bool:
    """Are the first images below train and test called as MSMT17's?"""
    for part in LISTED[:2]:
        person = next((path for path in sorted((folder / part).glob("*")) if path.is_dir()), None)
        first = next(iter(contents(person)[1]), None) if person else None
        if first is None or not re.match(MSMT17_ORIGINAL, first.name):
            return False
    return True
