"""Helper processes end with the process that has started them, however that ends."""

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.connection import Connection
from typing import Any

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


def alone(function: Callable, *args: Any, **named: Any) -> Any:
    """What the function returns, called in a process of its own: what it holds, such as a GPU, goes with that process.

    Raises: what it raises; RuntimeError: the process has ended without an answer.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(sender, os.getpid(), function, args, named))
    process.start()
    sender.close()
    try:
        answer, error = receiver.recv()
    except EOFError:
        process.join()
        raise RuntimeError(f"a helper process has ended with status {process.exitcode}") from None
    finally:  # also of an interrupt
        process.kill()
        process.join()
    if error:
        raise error
    return answer


def _answer(sender: Connection, parent: int, function: Callable, args: tuple, named: dict[str, Any]) -> None:
    end_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # the terminal's Ctrl-C goes to this process, too: not a word of it
    try:
        sender.send((function(*args, **named), None))
    except Exception as error:
        sender.send((None, error))


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(POLL)
    os._exit(1)  # at once: nobody waits for what its other threads are doing
