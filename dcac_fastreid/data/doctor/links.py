"""Lays data sets out as fast-reid's classes and ours look for them, by links; the originals are not touched."""

import glob
import json
import os
import shutil
from pathlib import Path

from dcac_fastreid.data.doctor.examine import Report
from dcac_fastreid.data.doctor.found import MARK, Finding, Found
from dcac_fastreid.data.readers.dg_datasets import SYNTHETIC_MARK
from dcac_fastreid.errors import InputError
from dcac_fastreid.json_files import read_object
from dcac_fastreid.output_files import check_writable, finished_name, left_unfinished, unfinished_path, write_whole


def link(report: Report, folder: str | Path) -> Path:
    """Makes, in a folder of its own, a data root in which every data set of a report lies where its class looks.

    Links are absolute: the folder may be moved, the originals may not. The folder is new, or empty, or was made by an earlier
    call, whose links stay. What cannot be laid out by links, is not complete or has images of wrong names is left out; its
    findings say why.

    The `root` of what is linked is then the folder. Returns the folder.

    Raises: InputError: the folder holds something else, or a target is linked to another place; then nothing is changed.
    """
    folder = Path(os.path.abspath(folder))
    linked = linked_before(folder)
    for found in report.data_sets:
        if Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(found.folder)):
            raise InputError(
                f"--link {folder} lies in {found.folder}, whose content is not touched; name another folder"
            )
    plans: dict[str, Found] = {}
    for found in report.data_sets:
        if not found.links or {"missing", "name"} & {finding.kind for finding in found.findings}:
            continue
        clash = next((target for target in linked if _overlap(target, found.target)), None)
        if clash and (clash, linked[clash]) != (found.target, str(found.folder)):
            raise InputError(
                f"{folder / clash} is linked to {linked[clash]} already, so {found.folder} cannot be linked to "
                f"{folder / found.target}; name another folder"
            )
        other = next((plan for target, plan in plans.items() if _overlap(target, found.target)), None)
        if other:
            _not_linked(found, other)
        else:
            plans[found.target] = found
    folder.mkdir(parents=True, exist_ok=True)
    linked |= {target: str(found.folder) for target, found in plans.items()}
    mark = json.dumps(linked, indent=2) + "\n"
    write_whole(folder / MARK, lambda stream: stream.write(mark.encode()))
    for remains in left_unfinished(folder, MARK):
        remains.unlink(missing_ok=True)
    for target, found in plans.items():
        _make(folder / target, found.links)
        found.root = folder
    _mark_synthetic(folder, linked)
    return folder


def linked_before(folder: str | Path) -> dict[str, str]:
    """Target -> source of what earlier calls have linked in the folder; it holds nothing else, and may be new.

    Raises: InputError: it holds something else, or cannot be made or written.
    """
    check_writable(folder, "--link leads to", "name a new or empty folder")
    folder = Path(folder)
    if not folder.is_dir():
        return {}
    linked = _read_mark(folder / MARK) if (folder / MARK).is_file() else {}
    ours = {
        MARK,
        *([SYNTHETIC_MARK] if (folder / SYNTHETIC_MARK).is_symlink() else []),
        *(Path(target).parts[0] for target in linked),
    }
    others = sorted(name for name in os.listdir(folder) if finished_name(name) not in ours)
    if others:
        raise InputError(f"--link {folder} holds something else ({others[0]}); name a new or empty folder")
    return linked


def _read_mark(file: Path) -> dict[str, str]:
    linked = read_object(file)
    if linked is None or not all(Path(target).parts and isinstance(at, str) for target, at in linked.items()):
        raise InputError(f"{file} is damaged, so what was linked there is not known; name a new or empty folder")
    return linked


def _overlap(one: str, other: str) -> bool:
    """The same target, or one in the other: a link made inside of a linked folder would lie among the originals."""
    one, other = Path(one), Path(other)
    return one == other or one in other.parents or other in one.parents


def _not_linked(found: Found, other: Found) -> None:
    found.findings.append(
        Finding(
            "place",
            f"{found.name} in {found.folder} is not linked, as {other.folder} goes to the same place; link it into another folder",
        )
    )


def _mark_synthetic(folder: Path, linked: dict[str, str]) -> None:
    """Links the file that marks a synthetic data set, where all that is linked lies in one: it would speak for real ones too."""
    marks = {
        next((root / SYNTHETIC_MARK for root in Path(source).parents if (root / SYNTHETIC_MARK).exists()), None)
        for source in linked.values()
    }
    (folder / SYNTHETIC_MARK).unlink(missing_ok=True)
    if len(marks) == 1 and (mark := marks.pop()):
        (folder / SYNTHETIC_MARK).symlink_to(mark)


def _make(target: Path, links: dict[str, Path]) -> None:
    """All links of a data set, whole or not at all."""
    if target.is_symlink() or target.exists():
        return  # of an earlier call, from the same folder
    target.parent.mkdir(parents=True, exist_ok=True)
    for remains in left_unfinished(target.parent, glob.escape(target.name)):
        if remains.is_symlink():
            remains.unlink()
        shutil.rmtree(remains, ignore_errors=True)
    unfinished = unfinished_path(target)
    for path, source in links.items():
        at = unfinished / path if path else unfinished
        at.parent.mkdir(parents=True, exist_ok=True)
        at.symlink_to(source)
    unfinished.rename(target)
