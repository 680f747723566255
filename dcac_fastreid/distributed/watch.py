"""On GPUs: ends a process that waits in CUDA for one that will not come. Python hears nothing there.

NCCL would abort it by itself, after its own limit and with a trace. With gloo such a wait ends with an exception.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import torch.distributed as dist
from torch.distributed import Store

from dcac_fastreid.distributed.failure import Ending, end_for_lost
from dcac_fastreid.distributed.join import LIMIT, Place

BEAT = 5  # seconds


@contextmanager
def watched(store: Store, place: Place, limit: timedelta = LIMIT) -> Iterator[None]:
    """Around all that a process does behind `join`: it ends as soon as another one has told why the job ends.

    It also ends where nobody has gone on for the time of `limit`, and some have begun more collective operations than others:
    these others are those that hang, or whose machine is gone.
    """
    done = threading.Event()
    threading.Thread(target=_watch, args=(store, place, limit, done), name="watch other processes", daemon=True).start()
    try:
        yield
    finally:
        done.set()


def _watch(store: Store, place: Place, limit: timedelta, done: threading.Event) -> None:
    ending, job = Ending(store), dist.group.WORLD
    keys = [f"collective operations of {rank}" for rank in range(place.processes)]
    before, since = [], time.monotonic()
    with suppress(RuntimeError):  # the store is gone, and with it the launcher, which ends its processes
        while not done.wait(BEAT):
            if ending.told() is not None:
                end_for_lost(ending, place)
            store.set(keys[place.rank], str(job._get_sequence_number_for_group()))
            begun = [int(number) for number in store.multi_get(keys)]
            if begun != before:
                before, since = begun, time.monotonic()
            elif time.monotonic() - since > limit.total_seconds() and min(begun) < max(begun):
                behind = [rank for rank, number in enumerate(begun) if number == min(begun)]
                end_for_lost(ending, place, behind, f"for {limit.total_seconds() / 60:g} minutes")
