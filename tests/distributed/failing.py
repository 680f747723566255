"""What the processes of a job do of which one fails: `launch` starts them, and they import this file."""

import os
import signal
import time
from contextlib import contextmanager
from datetime import timedelta

import torch.distributed
from torch.distributed import TCPStore

from dcac_fastreid.command_line import terminate
from dcac_fastreid.distributed import join, watch
from dcac_fastreid.distributed.failure import Ending
from dcac_fastreid.distributed.join import Place
from dcac_fastreid.distributed.launch import launch
from dcac_fastreid.distributed.turns import one_before_the_others
from dcac_fastreid.errors import InputError
from fastreid.utils import comm


def one_fails(fault: str) -> None:
    """Process 1 fails, as the others wait for it."""
    if comm.get_rank() != 1:
        torch.distributed.barrier()
    elif fault == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    elif fault == "input":
        raise InputError("planted is 1; expected 0")


@contextmanager
def _watched(seconds: float):
    watch.BEAT = 0.2
    place = Place(comm.get_rank(), 2, comm.get_rank())
    with watch.watched(Ending(join.another_connection()), place, timedelta(seconds=seconds)):
        yield place


def one_hangs_under_watch(seconds: float) -> None:
    """As on GPUs: what watches ends both, long before gloo would end the one that waits."""
    with _watched(seconds) as place:
        torch.distributed.barrier()
        if place.rank == 1:
            time.sleep(100)
        torch.distributed.barrier()


def one_works_under_watch(seconds: float) -> None:
    """The first for itself, the other waits for it; then both have done as much."""
    with _watched(seconds) as place:
        with one_before_the_others():
            if place.rank == 0:
                time.sleep(3 * seconds)
        torch.distributed.barrier()


def one_is_killed_while_the_other_is_in_a_library(seconds: float) -> None:
    """As while it waits in CUDA: Python does not see the signal by which the launcher ends it."""
    if comm.get_rank() == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    at = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    TCPStore(*at, is_master=False).wait(["never"], timedelta(seconds=seconds))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, terminate)  # as a command of this package
    launch(one_is_killed_while_the_other_is_in_a_library, 1, args=(60,), on_gpus=False)
