"""A warning that a process logs once, however often it reads its data."""

import functools
import logging
from collections.abc import Iterable

logger = logging.getLogger("fastreid.dcac")


@functools.cache
def warn_once(message: str) -> None:
    logger.warning(message)


def warn_of_passed_over(notes: Iterable[str]) -> None:
    """Logs the sentences of `Walk.notes`."""
    for note in notes:
        warn_once(note)
