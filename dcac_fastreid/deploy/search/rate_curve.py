"""Which shares of the pairs of one person, and of two, lie above each threshold?"""

from typing import Annotated, TypedDict

import numpy as np

from dcac_fastreid.deploy.schema import Must, Share
from dcac_fastreid.deploy.search.pair_counts import STEPS

POINTS = 1001  # thresholds of a curve, from -1 to 1: in steps of 0.002
DIGITS = 6  # that are kept of a share

Shares = Annotated[list[Share], Must(f"{POINTS:,} shares", lambda shares: len(shares) == POINTS)]


class RateCurve(TypedDict):
    """The shares of the pairs of two people, and of one, whose similarity is at least -1, -0.998, ..., 1."""

    false_match_rate: Shares
    true_match_rate: Shares


def rate_curve(genuine: np.ndarray, impostor: np.ndarray) -> RateCurve:
    """Args: (STEPS,), numbers of pairs by step of their similarity, see `pair_counts`."""
    return {"false_match_rate": _shares(impostor), "true_match_rate": _shares(genuine)}


def _shares(counts: np.ndarray) -> list[float]:
    from_here_on = np.append(counts[::-1].cumsum()[::-1], 0)[:: STEPS // (POINTS - 1)]
    return [float(f"{share:.{DIGITS}g}") for share in from_here_on / counts.sum()]
