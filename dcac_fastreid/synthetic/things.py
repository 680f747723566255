"""Things that stand about: bicycles, poles, bushes, cars, boxes, rails, doors."""

# x, y: pixel of the middle of the thing's foot; size: pixels per body height.

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import ImageDraw

from dcac_fastreid.synthetic.fabric import in_shade
from dcac_fastreid.synthetic.people import Colour, Weights, dye, vary

THING_DYES: Weights = {
    "grey": 3, "silver": 2, "white": 2, "charcoal": 2, "black": 1, "blue": 1, "red": 1, "green": 1, "brown": 1,
    "yellow": 0.7, "orange": 0.5, "sky": 0.5,
}  # fmt: skip
LEAVES: tuple[Colour, ...] = ((58, 88, 40), (84, 112, 52), (44, 66, 38), (110, 124, 70))


def _bicycle(pen: ImageDraw.ImageDraw, x: float, y: float, size: float, rng: np.random.Generator) -> None:
    r, frame = 0.12 * size, dye(rng, THING_DYES)
    for wheel in (x - 1.35 * r, x + 1.35 * r):
        pen.ellipse((wheel - r, y - 2 * r, wheel + r, y), outline=(30, 30, 32), width=max(2, int(0.2 * r)))
    seat, bar, crank = (x - 0.7 * r, y - 2.9 * r), (x + 0.9 * r, y - 3.1 * r), (x, y - r)
    rear, front = (x - 1.35 * r, y - r), (x + 1.35 * r, y - r)
    for line in ((rear, crank), (crank, bar), (crank, seat), (seat, bar), (bar, front)):
        pen.line(line, fill=frame, width=max(2, int(0.2 * r)))


def _pole(pen: ImageDraw.ImageDraw, x: float, y: float, size: float, rng: np.random.Generator) -> None:
    half, colour = size * rng.uniform(0.012, 0.04), dye(rng, THING_DYES)
    pen.rectangle((x - half, 0, x + half, y), fill=in_shade(colour))
    pen.rectangle((x - half, 0, x + 0.3 * half, y), fill=colour)


def _bush(pen: ImageDraw.ImageDraw, x: float, y: float, size: float, rng: np.random.Generator) -> None:
    for dx, dy, r in zip(rng.normal(0, 0.1, 14), rng.uniform(0, 0.22, 14), rng.uniform(0.02, 0.07, 14), strict=True):
        box = (x + (dx - r) * size, y - (dy + r) * size, x + (dx + r) * size, y - (dy - r) * size)
        pen.ellipse(box, fill=vary(rng, LEAVES[rng.integers(len(LEAVES))], 10))


def _car(pen: ImageDraw.ImageDraw, x: float, y: float, size: float, rng: np.random.Generator) -> None:
    body, half = dye(rng, THING_DYES), 0.34 * size
    windows = (x - 0.6 * half, y - 0.3 * size, x + 0.6 * half, y - 0.1 * size)
    pen.rounded_rectangle(windows, 0.05 * size, fill=(48, 54, 62))
    pen.rounded_rectangle((x - half, y - 0.2 * size, x + half, y - 0.03 * size), 0.04 * size, fill=body)
    for wheel in (x - 0.6 * half, x + 0.6 * half):
        pen.ellipse((wheel - 0.05 * size, y - 0.09 * size, wheel + 0.05 * size, y), fill=(26, 26, 28))


def _box(pen: ImageDraw.ImageDraw, x: float, y: float, size: float, rng: np.random.Generator) -> None:
    """A bin, a bench, a table, a case."""
    half, up, colour = size * rng.uniform(0.05, 0.18), size * rng.uniform(0.1, 0.3), dye(rng, THING_DYES)
    pen.rectangle((x - half, y - up, x + half, y), fill=in_shade(colour))
    pen.rectangle((x - half, y - up, x + half, y - 0.75 * up), fill=colour)


def _rail(pen: ImageDraw.ImageDraw, x: float, y: float, size: float, rng: np.random.Generator) -> None:
    colour, up = dye(rng, THING_DYES), size * rng.uniform(0.15, 0.3)
    for height in (up, 0.6 * up):
        pen.line((x - size, y - height, x + size, y - height), fill=colour, width=max(2, int(0.016 * size)))
    for post in np.arange(x - size, x + size, 0.16 * size):
        pen.line((post, y - up, post, y), fill=colour, width=max(2, int(0.012 * size)))


def _door(pen: ImageDraw.ImageDraw, x: float, y: float, size: float, rng: np.random.Generator) -> None:
    half, colour = 0.17 * size, dye(rng, THING_DYES)
    pen.rectangle((x - half, -5, x + half, y), fill=in_shade(colour), outline=colour, width=4)


THINGS: dict[str, Callable[[ImageDraw.ImageDraw, float, float, float, np.random.Generator], None]] = {
    "bicycle": _bicycle,
    "pole": _pole,
    "bush": _bush,
    "car": _car,
    "box": _box,
    "rail": _rail,
    "door": _door,
}
