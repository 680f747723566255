"""How the cloth of a garment looks: plain, stripes, checks, dots, colour blocks and others."""

from __future__ import annotations

import numpy as np
from PIL import Image

from dcac_fastreid.synthetic.people import Colour, Garment

Fill = Colour | Image.Image


def cloth(garment: Garment, size: tuple[int, int], unit: float, centre: tuple[float, float]) -> Fill:
    """The garment's cloth: its colour if plain, else an image of `size` to be cut out in the garment's shape.

    unit: pixels per body height; centre: pixel of the garment's middle, to which the pattern is fixed, so that
    it moves and turns with the wearer.
    """
    if garment.pattern in ("plain", "print"):  # a print is a patch on the chest, see body.py
        return garment.dye
    width, height = size
    x = (np.arange(width, dtype=np.float32)[None, :] - centre[0]) / (unit * garment.pitch)
    y = (np.arange(height, dtype=np.float32)[:, None] - centre[1]) / (unit * garment.pitch)
    share = (255 * _share_of_accent(garment.pattern, x, y)).astype(np.uint8)
    mask = Image.fromarray(np.broadcast_to(share, (height, width)))
    return Image.composite(Image.new("RGB", size, garment.accent), Image.new("RGB", size, garment.dye), mask)


def in_shade(fill: Fill, factor: float = 0.72) -> Fill:
    if isinstance(fill, Image.Image):
        return fill.point(lambda value: value * factor)
    return tuple(int(value * factor) for value in fill)


def _share_of_accent(pattern: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """How much of the accent shows, in [0, 1]; x (1, W) and y (H, 1) count periods of the pattern."""
    if pattern == "stripes":
        return y % 1 < 0.45
    if pattern == "pinstripes":
        return 1.6 * x % 1 < 0.4
    if pattern == "checks":
        return 0.5 * (x % 1 < 0.5) + 0.5 * (y % 1 < 0.5)
    if pattern == "dots":
        return (1.5 * x % 1 - 0.5) ** 2 + (1.5 * y % 1 - 0.5) ** 2 < 0.1
    if pattern == "block":
        return y > 0
    if pattern == "camouflage":
        return np.sin(4 * x + 2 * np.sin(3 * y)) + np.sin(3 * y + 2 * np.sin(2 * x)) > 0.2
    if pattern == "zigzag":
        return (y + abs(x % 1 - 0.5)) % 1 < 0.45
    if pattern == "diamonds":
        return abs(x % 1 - 0.5) + abs(0.6 * y % 1 - 0.5) < 0.3
    raise ValueError(f"unknown pattern {pattern!r}; see fabric.py")
