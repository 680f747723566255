"""Images that are found by their names: do they fit, and where should each be linked?"""

import re
from collections.abc import Callable
from pathlib import Path

from dcac_fastreid.data.doctor.found import Finding, Found, Item, shown
from dcac_fastreid.data.readers.known_datasets import KNOWN_DATASETS
from dcac_fastreid.data.readers.walk import contents

TORCHREID = "torchreid's reader of it (github.com/KaiyangZhou/deep-person-reid)"  # states the counts of the small sets


def take(found: Found, folder: Path, names: str, read: Callable, *, link: bool = True) -> None:
    """Adds a folder's images to what was found. A name that does not begin as `names` is a finding.

    Args:
        read: a match of a name -> person, camera, and the path of its link below the target, None for none.
    """
    items: list[Item] = found.splits.setdefault("train", [])
    strangers = []
    for path in contents(folder)[1] if folder.is_dir() else ():
        at = re.match(names, path.name)
        if not at:
            strangers.append(path.name)
            continue
        person, camera, target = read(at)
        items.append((str(path), person, camera))
        if target and link:
            found.links[target] = path
    if strangers:
        found.findings.append(
            Finding(
                "name",
                f"{len(strangers)} images in {folder} have other names than those of {found.name}: {shown(strangers)}; "
                "rename them, or take them out",
            )
        )


def holds(folder: Path, names: str) -> bool:
    """Is there an image of such a name in the folder?"""
    return folder.is_dir() and any(re.match(names, path.name) for path in contents(folder)[1])


def missing(found: Found, parts: list[str]) -> None:
    """Adds the parts that a data set lacks, if any, as a finding."""
    if parts:
        source = f", or get it from {KNOWN_DATASETS[found.reader].source}" if found.reader in KNOWN_DATASETS else ""
        found.findings.append(Finding("missing", f"{found.folder} has no {', '.join(parts)}; copy it again{source}"))
