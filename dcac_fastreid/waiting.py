"""Waiting for another process, and saying so."""

import logging
from contextlib import AbstractContextManager

from filelock import BaseFileLock, Timeout

logger = logging.getLogger("fastreid.dcac")
PATIENCE = 1.0  # seconds after which a process says what it waits for


def held(lock: BaseFileLock, what: str) -> AbstractContextManager:
    """Acquires a lock, however long another process has it; a longer wait is logged.

    Args:
        what: the other process is doing, such as "making the images of ...".
    Returns: what releases it when it is left.
    """
    try:
        return lock.acquire(timeout=PATIENCE)
    except Timeout:
        logger.warning(f"Another process is {what}; waiting for it")  # a warning is seen before the log is set up
        return lock.acquire()
