"""Helper processes end with the process that has started them, however that ends."""

import multiprocessing
import os
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor

POLL = 0.5  # seconds between two looks at the parent


def end_with(parent: int) -> None:
    """Makes this process end soon after its parent; called first in a helper, returns at once.

    A process that is killed can tell nobody. Its children then get another parent, which is seen here within half a second.

    Args:
        parent: its process id, which the parent hands over: it may be gone before this is called.
    """
    threading.Thread(target=_watch, args=(parent,), name="end with the parent", daemon=True).start()


def pool(number: int) -> ProcessPoolExecutor:
    """So many processes that make and write files, and touch neither torch nor a GPU; they end with this one."""
    # fork: a spawned worker would first import torch, which takes longer than its share of the work.
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    return ProcessPoolExecutor(number, context, initializer=end_with, initargs=(os.getpid(),))


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(POLL)
    os._exit(1)  # at once: nobody waits for what its other threads are doing
