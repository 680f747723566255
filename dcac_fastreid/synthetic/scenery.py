"""What surrounds a person: ground, walls, things behind and things in front."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from dcac_fastreid.synthetic.fabric import in_shade
from dcac_fastreid.synthetic.people import Colour, Weights, dye, pick, vary
from dcac_fastreid.synthetic.things import LEAVES, THING_DYES, THINGS

BARE_TWIGS: tuple[Colour, ...] = ((86, 78, 66), (70, 64, 58), (112, 104, 90), (60, 66, 52))

BEHIND_OUTDOORS: Weights = {"bicycle": 3, "pole": 1.5, "bush": 1.5, "car": 1.5, "box": 1.5, "rail": 1}
BEHIND_INDOORS: Weights = {"box": 3, "pole": 1, "door": 1.5, "rail": 0.5}
IN_FRONT_OUTDOORS: Weights = {"bicycle": 2, "pole": 1, "bush": 1, "car": 1, "rail": 1}
IN_FRONT_INDOORS: Weights = {"box": 1, "pole": 1}


@dataclass(frozen=True)
class Place:
    """One of the spots that a camera overlooks."""

    ground: Colour
    paving: str  # asphalt, tiles, grass, road, floor
    wall: Colour
    facade: str  # plain, bricks, windows, trees, shop
    horizon: float  # where the wall meets the ground, from the top; below 0: no wall in view
    indoors: bool


def paint_backdrop(size: tuple[int, int], place: Place, rng: np.random.Generator) -> Image.Image:
    """The place without people; every call looks at another part of it."""
    w, h = size
    ground, wall = vary(rng, place.ground, 12), vary(rng, place.wall, 14)
    image = Image.new("RGB", size, ground)
    pen = ImageDraw.Draw(image)
    horizon = h * (place.horizon + rng.normal(0, 0.08))
    _pave(pen, w, h, horizon, place.paving, ground, rng)
    if horizon > 0:
        _build(pen, w, horizon, place.facade, wall, rng)
    for _ in range(rng.integers(0, 3)):
        thing = pick(rng, BEHIND_INDOORS if place.indoors else BEHIND_OUTDOORS)
        THINGS[thing](pen, rng.uniform(-0.1, 1.1) * w, max(horizon, 0) + h * rng.uniform(0.02, 0.4), 0.7 * h, rng)
    return image


def put_in_front(image: Image.Image, place: Place, rng: np.random.Generator) -> None:
    """Something between camera and person: it hides one side or the feet."""
    w, h = image.size
    pen = ImageDraw.Draw(image)
    thing = pick(rng, IN_FRONT_INDOORS if place.indoors else IN_FRONT_OUTDOORS)
    x = w * (rng.uniform(0.0, 0.3) if rng.random() < 0.5 else rng.uniform(0.7, 1.0))
    THINGS[thing](pen, x, h * rng.uniform(0.95, 1.15), h, rng)


def _pave(
    pen: ImageDraw.ImageDraw, w: int, h: int, horizon: float, paving: str, ground: Colour, rng: np.random.Generator
) -> None:
    top = max(horizon, 0)
    for _ in range(3):  # worn patches and shadows of things out of view
        x, y, half = rng.uniform(0, w), rng.uniform(top, h), w * rng.uniform(0.2, 0.7)
        patch = (x - half, y - 0.25 * half, x + half, y + 0.25 * half)
        pen.ellipse(patch, fill=in_shade(ground, rng.uniform(0.8, 1.12)))
    joint = in_shade(ground, rng.uniform(0.75, 0.9))
    if paving in ("tiles", "floor"):
        vanish, slant = (rng.uniform(-1, 2) * w, -rng.uniform(0.5, 2) * h), rng.uniform(0.05, 0.12)
        for x in np.arange(-1.5, 2.5, 0.28):
            pen.line((vanish[0], vanish[1], x * w, h), fill=joint, width=2)
        y, step = h * (1 + rng.uniform(0, slant)), slant * h
        while y > top:
            pen.line((0, y, w, y + 0.04 * h), fill=joint, width=2)
            y, step = y - step, 0.88 * step + 1
    elif paving == "road":
        x, lean = rng.uniform(-0.5, 1.5) * w, rng.uniform(-1.5, 1.5) * w
        pen.line((x, h, x + lean, top), fill=vary(rng, (206, 204, 196), 10), width=int(rng.uniform(0.02, 0.05) * h))
    elif paving == "grass":
        for x, y in zip(rng.uniform(0, w, 60), rng.uniform(top, h, 60), strict=True):
            pen.line((x, y, x + 2, y - 6), fill=in_shade(ground, rng.uniform(0.75, 1.2)), width=2)


def _build(
    pen: ImageDraw.ImageDraw, w: int, horizon: float, facade: str, wall: Colour, rng: np.random.Generator
) -> None:
    pen.rectangle((0, 0, w, horizon), fill=wall)
    joint = in_shade(wall, rng.uniform(0.65, 0.85))
    if facade == "bricks":
        for y in np.arange(horizon, 0, -9):
            pen.line((0, y, w, y), fill=joint)
    elif facade in ("windows", "shop"):
        wide, start = w * rng.uniform(0.3, 0.7), -w * rng.uniform(0, 0.7)
        for x in np.arange(start, w, 1.3 * wide):
            pane = dye(rng, THING_DYES) if facade == "shop" else vary(rng, (70, 82, 96), 18)
            pen.rectangle((x, -5, x + wide, horizon * rng.uniform(0.75, 1.0)), fill=pane, outline=joint, width=3)
            pen.line((x + wide / 2, 0, x + wide / 2, horizon * 0.75), fill=joint, width=2)
    elif facade == "hills":
        for far in (1.0, 0.85, 0.7):
            x, half, top = rng.uniform(0, w), w * rng.uniform(0.5, 1.2), horizon * (far - rng.uniform(0.3, 0.6))
            pen.polygon(((x - half, horizon), (x, top), (x + half, horizon)), fill=in_shade(wall, far))
    elif facade == "lights":
        for x, y, r in zip(rng.uniform(0, w, 30), rng.uniform(0, horizon, 30), rng.uniform(1, 6, 30), strict=True):
            pen.ellipse((x - r, y - r, x + r, y + r), fill=dye(rng, {"yellow": 2, "white": 2, "orange": 1, "pink": 1}))
    elif facade == "trees":
        tones = LEAVES if wall[1] >= wall[0] else BARE_TWIGS
        for x, y, r in zip(rng.uniform(0, w, 26), rng.uniform(0, horizon, 26), rng.uniform(5, 22, 26), strict=True):
            pen.ellipse((x - r, y - 0.7 * r, x + r, y + 0.7 * r), fill=vary(rng, tones[rng.integers(len(tones))], 10))
        for x in rng.uniform(0, w, rng.integers(0, 3)):
            trunk = (x, 0, x + rng.normal(0, 6), horizon + 6)
            pen.line(trunk, fill=vary(rng, (78, 62, 48), 10), width=int(rng.uniform(5, 14)))
    else:
        for x in rng.uniform(0, w, 3):
            pen.line((x, 0, x, horizon), fill=joint, width=int(rng.uniform(2, 8)))
    pen.line((0, horizon, w, horizon), fill=in_shade(joint, 0.8), width=int(rng.uniform(2, 6)))
