"""When fast-reid saves."""

import math

from fastreid.utils.checkpoint import PeriodicCheckpointer

host_init = PeriodicCheckpointer.__init__


def init(self, checkpointer, period: int, max_epoch: int | None = None) -> None:
    host_init(self, checkpointer, period, max_epoch)
    if self.period < 1:
        self.period = math.inf  # no epoch is a multiple of it


def allow_no_period() -> None:
    """fastreid/utils/checkpoint.py:331 divides by SOLVER.CHECKPOINT_PERIOD.

    Any version. 0: ZeroDivisionError after the first epoch. Here it means the checkpoint of the last epoch alone.
    """
    PeriodicCheckpointer.__init__ = init
