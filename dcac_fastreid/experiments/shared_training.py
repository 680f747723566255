"""Rows that differ in what follows the last step alone share their training: it is done once."""

import logging
import shutil
from pathlib import Path

from dcac_fastreid.engine.config_file import changed
from fastreid.config import CfgNode

# Of a finished run, what another one needs to go on from it; last_checkpoint stands last, and makes the rest count.
FILES = ("metrics.json", "model_final.pth", "last_checkpoint")
logger = logging.getLogger("fastreid.dcac")


def trained_alike(cfg: CfgNode) -> CfgNode | None:
    """The config of the run whose training is that of cfg, and that tests the trained encoder; None where that is cfg itself."""
    if cfg.SOLVER.INTERPOLATE.ALPHA == 1:
        return None
    return changed(cfg, ["SOLVER.INTERPOLATE.ALPHA", 1.0])


def take_over(finished: Path, folder: Path) -> None:
    """Puts the end of a finished run into the folder of one that has not begun: resumed, it makes what follows."""
    if not all((finished / name).is_file() for name in FILES):
        return
    for name in FILES:
        shutil.copy2(finished / name, folder / name)
    logger.info(f"The training is that of {finished}, nothing is trained again")
