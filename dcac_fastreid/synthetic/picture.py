"""How one picture comes about: place, passers-by, the person, things in front, the camera, the bounding box."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from dcac_fastreid.synthetic.body import draw_person, random_pose
from dcac_fastreid.synthetic.cameras import Camera, Range, expose
from dcac_fastreid.synthetic.fabric import in_shade
from dcac_fastreid.synthetic.people import Person, Wardrobe, new_person
from dcac_fastreid.synthetic.scenery import Place, paint_backdrop, put_in_front

CANVAS_ROWS = 256  # about twice the pictures' rows: drawing has no other smoothing of edges


@dataclass(frozen=True)
class Format:
    """The size of a domain's pictures."""

    aspect: Range  # rows per column of the bounding box
    size: tuple[int, int] | None  # (columns, rows) that every box is scaled to; None: as large as the camera saw it


def take_picture(
    person: Person, camera: Camera, time: str, wardrobe: Wardrobe, picture_format: Format, rng: np.random.Generator
) -> Image.Image:
    """The person as a detector cuts her out of the camera's image; wardrobe: what the passers-by wear."""
    style = camera.style
    place = camera.places[rng.integers(len(camera.places))]
    canvas_size = (round(CANVAS_ROWS / rng.uniform(*picture_format.aspect)), CANVAS_ROWS)
    canvas = paint_backdrop(canvas_size, place, rng)
    light = rng.choice((-1.0, 1.0)) * rng.uniform(0.3, 1.0)
    for _ in range(rng.poisson(style.passers_by)):
        _passer_by(canvas, camera, wardrobe, light, rng, near=False)

    turn = camera.headings[rng.integers(len(camera.headings))] + rng.normal(0, 0.35)
    feet, unit = _bounding_box(canvas_size, style.crop_error, rng)
    _shadow(canvas, place, feet, unit, light)
    canvas = canvas.filter(ImageFilter.GaussianBlur(1.5))  # no edge around the person is as sharp as her own
    draw_person(canvas, person, random_pose(rng, turn, camera.tilt), feet, unit, light)

    if rng.random() < style.occlusion:
        if rng.random() < 0.35:
            _passer_by(canvas, camera, wardrobe, light, rng, near=True)
        else:
            put_in_front(canvas, place, rng)
    picture = expose(canvas, camera, time, rng)
    return picture.resize(picture_format.size, Image.Resampling.BICUBIC) if picture_format.size else picture


def _bounding_box(size: tuple[int, int], error: float, rng: np.random.Generator) -> tuple[tuple[float, float], float]:
    """Pixel of the feet and pixels per body height: a box that fits well or, with probability `error`, badly."""
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


def _shadow(canvas: Image.Image, place: Place, feet: tuple[float, float], unit: float, light: float) -> None:
    x, y, half = feet[0] - 0.08 * light * unit, feet[1], 0.17 * unit
    box = (x - half, y - 0.035 * unit, x + half, y + 0.03 * unit)
    ImageDraw.Draw(canvas).ellipse(box, fill=in_shade(place.ground, 0.62))


def _passer_by(
    canvas: Image.Image, camera: Camera, wardrobe: Wardrobe, light: float, rng: np.random.Generator, near: bool
) -> None:
    """Another person: at a distance behind, or near the camera and half out of the box."""
    w, h = canvas.size
    pose = random_pose(rng, rng.uniform(0, 2 * pi), camera.tilt)
    if near:
        x = -0.05 if rng.random() < 0.5 else 1.05
        feet, unit = (w * (x + rng.normal(0, 0.06)), h * rng.uniform(1.05, 1.3)), h * rng.uniform(0.95, 1.15)
    else:
        feet, unit = (w * rng.uniform(-0.05, 1.05), h * rng.uniform(0.6, 0.9)), h * rng.uniform(0.45, 0.8)
    draw_person(canvas, new_person(rng, wardrobe), pose, feet, unit, light)
