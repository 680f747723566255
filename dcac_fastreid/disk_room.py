"""Is there room on the drives for what a command is going to write? A line for each drive, before the work begins."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from dcac_fastreid.quantities import size


def disk_room(needed: Mapping[str | Path, int]) -> list[str]:
    """Lines such as "disk: 3.2 GB needed, 200 GB free on the drive of logs".

    Args: needed: bytes by folder, which need not be there yet; folders on one drive share its line.
    """
    drives: dict[int, list] = {}
    for folder in needed:
        drives.setdefault(os.stat(_nearest(folder)).st_dev, []).append(folder)
    return [_line(folders, sum(needed[folder] for folder in folders)) for folders in drives.values()]


def _line(folders: list, needed: int) -> str:
    free = shutil.disk_usage(_nearest(folders[0])).free
    line = f"disk: {size(needed)} needed, {size(free)} free on the drive of {' and '.join(map(str, folders))}"
    return line if needed <= free else f"{line}; this does not suffice: free some space, or choose another folder"


def _nearest(folder: str | Path) -> Path:
    path = Path(folder).absolute()
    return next(parent for parent in (path, *path.parents) if parent.exists())
