"""When fast-reid saves, and how."""

import math
import os

from dcac_fastreid.checkpoint.saving import save_checkpoint
from dcac_fastreid.output_files import write_whole
from fastreid.utils.checkpoint import Checkpointer, PeriodicCheckpointer

host_init = PeriodicCheckpointer.__init__
host_save = Checkpointer.save
host_tag_last_checkpoint = Checkpointer.tag_last_checkpoint


def init(self, checkpointer, period: int, max_epoch: int | None = None) -> None:
    host_init(self, checkpointer, period, max_epoch)
    if self.period < 1:
        self.period = math.inf  # no epoch is a multiple of it


def allow_no_period() -> None:
    """fastreid/utils/checkpoint.py:331 divides by SOLVER.CHECKPOINT_PERIOD.

    Any version. 0: ZeroDivisionError after the first epoch. Here it means the checkpoint of the last epoch alone.
    """
    PeriodicCheckpointer.__init__ = init


def save(self, name: str, **extra) -> None:
    if not self.save_dir or not self.save_to_disk:
        return
    file = os.path.join(self.save_dir, f"{name}.pth")
    self.logger.info(f"Saving checkpoint to {file}")
    save_checkpoint(file, self.model, self.checkpointables, **extra)
    self.tag_last_checkpoint(f"{name}.pth")


def tag_last_checkpoint(self, name: str) -> None:
    write_whole(os.path.join(self.save_dir, "last_checkpoint"), lambda stream: stream.write(name.encode()))


def save_whole() -> None:
    """fastreid/utils/checkpoint.py:93 (Checkpointer.save) opens the file of the checkpoint before and writes over it.

    Any version. A full disk or a kill meanwhile: neither the old nor the new weights are left. Weights that are NaN replace
    good ones.
    """
    Checkpointer.save, Checkpointer.tag_last_checkpoint = save, tag_last_checkpoint
