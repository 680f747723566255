"""Work that one process does for all: the first, then one on each other machine, then the rest, who find it done."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch.distributed as dist

from dcac_fastreid.distributed.join import patient_group
from fastreid.utils import comm


@contextmanager
def one_before_the_others() -> Iterator[None]:
    """Inside, the first process is alone; then the first of each other machine; then all others. All come here.

    So what goes to a cache folder is made once, also where machines share the folder.
    """
    turn = 0 if comm.is_main_process() else 1 if comm.get_local_rank() == 0 else 2
    for _ in range(turn):
        wait_for_all()
    yield
    for _ in range(turn, 2):
        wait_for_all()


def wait_for_all() -> None:
    """Until every process has come here, however long one of them works."""
    if comm.get_world_size() > 1:
        dist.barrier(patient_group())
