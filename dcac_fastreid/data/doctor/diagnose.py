"""From a folder to a report: examined, laid out where that is asked for, and tried with the classes that read it."""

import os
from pathlib import Path

from dcac_fastreid.data.doctor.examine import Report, check_reader, examine
from dcac_fastreid.data.doctor.links import link, linked_before
from dcac_fastreid.errors import InputError


def diagnose(path: str | Path, *, link_to: str | Path | None = None, quick: bool = False) -> tuple[Report, Path | None]:
    """The report on a folder, and the data root that was made by links, if any.

    Raises: InputError: the path is no folder, or links cannot be made, as `link` tells; then nothing was made.
    """
    for name, folder in (("PATH", path), ("--link", link_to)):
        if folder is not None and not os.fspath(folder).strip():
            raise InputError(f"{name} is empty; name a folder")
    if link_to:
        linked_before(link_to)  # refused before all images are opened
    report = examine(path, quick=quick)
    root = link(report, link_to) if link_to else None
    for found in report.data_sets:
        check_reader(found)
    return report, root
