"""How a person lies in the image that a detector cuts out: where the feet are, how tall she is."""

from __future__ import annotations

import numpy as np

Box = tuple[tuple[float, float], float]  # pixel between the feet, pixels per body height


def detected(size: tuple[int, int], error: float, rng: np.random.Generator) -> Box:
    """A box that fits well or, with probability `error`, badly; size: (columns, rows) of the image."""
    w, h = size
    above, below, aside = rng.uniform(0.02, 0.09), rng.uniform(0.02, 0.08), rng.normal(0, 0.04)
    if rng.random() < error:
        fault = rng.integers(4)
        if fault == 0:
            below = -rng.uniform(0.08, 0.35)  # the legs are cut off
        elif fault == 1:
            above = -rng.uniform(0.03, 0.1)  # part of the head is cut off
        elif fault == 2:
            above, below = rng.uniform(0.1, 0.2), rng.uniform(0.08, 0.18)  # far too wide a box
        else:
            aside = rng.choice((-1, 1)) * rng.uniform(0.12, 0.25)
    return (w * (0.5 + aside), h * (1 - below)), h * (1 - above - below)


def junk(size: tuple[int, int], error: float, rng: np.random.Generator) -> Box:
    """A box that no one would call an image of the person: a part of her, or her as a part of it."""
    w, h = size
    middle = w * (0.5 + rng.normal(0, 0.06))
    fault = rng.integers(4)
    if fault == 0:  # head and shoulders
        unit = h * rng.uniform(1.7, 2.6)
        return (middle, unit + h * rng.uniform(-0.05, 0.1)), unit
    if fault == 1:  # the legs
        return (middle, h * rng.uniform(0.9, 1.0)), h * rng.uniform(1.6, 2.2)
    if fault == 2:  # one half
        return (w * (0.5 + rng.choice((-1, 1)) * rng.uniform(0.42, 0.52)), 0.97 * h), 0.92 * h
    return (w * rng.uniform(0.2, 0.8), h * rng.uniform(0.7, 0.97)), h * rng.uniform(0.35, 0.5)  # far away
