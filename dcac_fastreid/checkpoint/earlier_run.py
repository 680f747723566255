"""A run that begins again in a used folder leaves the earlier one whole, and is not taken for it when it is resumed."""

import itertools
import logging
import shutil
import time
from pathlib import Path

logger = logging.getLogger("fastreid.dcac")

OF_A_RUN = ("model_*.pth", "last_checkpoint", "metrics.json", "stamp.json", "events.out.tfevents.*")
CONFIG = "config.yaml"  # copied: it may be what the new run is made from


def set_aside(folder: str) -> None:
    """Moves an earlier run's checkpoints, metrics and run metadata to a folder of their own below `folder`, if there are any.

    Its config goes with them. The caller holds the folder: no other run is in it.
    """
    files = sorted(file for pattern in OF_A_RUN for file in Path(folder).glob(pattern))
    if not files:
        return
    earlier = _new_folder(Path(folder) / time.strftime("earlier-%Y%m%d-%H%M%S"))
    if (config := Path(folder) / CONFIG).is_file():
        shutil.copy2(config, earlier)
    for file in files:
        file.rename(earlier / file.name)
    logger.warning(f"{folder} holds an earlier run: {len(files)} files of it are now in {earlier}")


def _new_folder(folder: Path) -> Path:
    for number in itertools.count(1):  # a second one of the same second gets another name
        made = folder if number == 1 else folder.with_name(f"{folder.name}-{number}")
        try:
            made.mkdir()
            return made
        except FileExistsError:
            continue
