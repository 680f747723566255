"""A run that begins anew in a used folder leaves the earlier one whole, and is not taken for it when it is resumed."""

import logging
import time
from pathlib import Path

logger = logging.getLogger("fastreid.dcac")

OF_A_RUN = ("model_*.pth", "last_checkpoint", "metrics.json", "stamp.json")


def set_aside(folder: str) -> None:
    """Moves an earlier run's checkpoints, metrics and stamp to a folder of their own below `folder`, if there are any."""
    files = sorted(file for pattern in OF_A_RUN for file in Path(folder).glob(pattern))
    if not files:
        return
    earlier = Path(folder) / time.strftime("earlier-%Y%m%d-%H%M%S")
    earlier.mkdir()
    for file in files:
        file.rename(earlier / file.name)
    logger.warning(f"{folder} holds an earlier run: {len(files)} files of it are now in {earlier}")
