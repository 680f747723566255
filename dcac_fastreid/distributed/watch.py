"""Ends a process that waits for one that will not come, in the start of a job or in CUDA, where Python hears nothing.

NCCL would end it later, with a trace. With gloo such a wait ends with an exception.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch.distributed as dist

from dcac_fastreid.distributed.failure import PATIENCE, Ending, end_for_lost
from dcac_fastreid.distributed.join import LIMIT, Place

BEAT = 5  # seconds


@contextmanager
def watched(ending: Ending, place: Place, limit: timedelta = LIMIT) -> Iterator[None]:
    """Around all that a process of a job does: it ends soon after another one has told why the job ends.

    It also ends where nobody has gone on for the time of `limit`, and some have begun more collective operations than others:
    these others are those that hang, or whose machine is gone; and where the store is gone, with the machine of process 0.
    """
    done = threading.Event()
    thread = threading.Thread(target=_watch, args=(ending, place, limit, done), name="watch the job", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(BEAT)


def _watch(ending: Ending, place: Place, limit: timedelta, done: threading.Event) -> None:
    """Every BEAT seconds, in a thread, until `done`."""
    before: list[int] = []
    since = time.monotonic()
    while not done.wait(BEAT):
        try:
            told, begun = ending.told(), _begun_by_all(ending.store, place)
        except RuntimeError:
            if not done.wait(PATIENCE):  # a launcher that is gone ends its processes in this time
                end_for_lost(ending, place, how="the machine of process 0 is no longer reached")
            return
        if told is not None and not done.wait(PATIENCE):
            end_for_lost(ending, place)
        if begun != before:
            before, since = begun, time.monotonic()
        elif begun and time.monotonic() - since > limit.total_seconds() and min(begun) < max(begun):
            behind = [rank for rank, number in enumerate(begun) if number == min(begun)]
            end_for_lost(ending, place, behind, f"for {limit.total_seconds() / 60:g} minutes")


def _begun_by_all(store: dist.Store, place: Place) -> list[int]:
    """How many collective operations each process has begun; none while not all have joined."""
    keys = [f"collective operations of {rank}" for rank in range(place.processes)]
    if dist.is_initialized():
        store.set(keys[place.rank], str(dist.group.WORLD._get_sequence_number_for_group()))
    return [int(number) for number in store.multi_get(keys)] if store.check(keys) else []
