"""How long do two ways to compute the same take on this machine?"""

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor

ROUNDS = 10  # after one that is not counted


class Latency(NamedTuple):
    """Seconds per image: the median of ROUNDS calls, and their quartiles."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        """In milliseconds."""
        return f"{1e3 * self.median:.2f} ({1e3 * self.low:.2f} to {1e3 * self.high:.2f})"


def time_in_turns(ways: list[Callable[[], Tensor]], images: int) -> list[Latency]:
    """Of each way, in the same order; they take turns, so that what else the machine does slows all of them alike.

    Args:
        images: that one call computes.
    """
    seconds = [[] for _ in ways]
    for _ in range(1 + ROUNDS):
        for way, taken in zip(ways, seconds, strict=True):
            begin = time.perf_counter()
            way()
            taken.append((time.perf_counter() - begin) / images)
    return [_latency(taken[1:]) for taken in seconds]


def _latency(seconds: list[float]) -> Latency:
    low, median, high = statistics.quantiles(seconds, n=4, method="inclusive")
    return Latency(median, low, high)
