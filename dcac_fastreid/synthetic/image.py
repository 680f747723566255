"""How one image comes about: place, passers-by, the person, things in front, the camera, the bounding box."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import pi

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from dcac_fastreid.synthetic.body import draw_person, random_pose
from dcac_fastreid.synthetic.boxes import Box, detected
from dcac_fastreid.synthetic.cameras import Camera, Range
from dcac_fastreid.synthetic.fabric import in_shade
from dcac_fastreid.synthetic.people import Person, Wardrobe, new_person
from dcac_fastreid.synthetic.scenery import Place, paint_backdrop, put_in_front
from dcac_fastreid.synthetic.sensor import expose

CANVAS_ROWS = 256  # about twice the images' rows: drawing has no other smoothing of edges


@dataclass(frozen=True)
class Format:
    """The size of a domain's images."""

    aspect: Range  # rows per column of the bounding box
    size: tuple[int, int] | None  # (columns, rows) that every box is scaled to; None: as large as the camera saw it


def render_image(
    person: Person | None,
    camera: Camera,
    time: str,
    wardrobe: Wardrobe,
    image_format: Format,
    rng: np.random.Generator,
    box: Callable[..., Box] = detected,
) -> Image.Image:
    """What a detector cuts out of the camera's image.

    Args:
        person: None for an image of the background.
        wardrobe: what the passers-by wear.
        box: how the person lies in the image, see boxes.py.
    """
    style = camera.style
    # A stream for every step: one more passer-by, say, changes nothing else, and data sets of other difficulty compare.
    scene, behind, body, front, sensor = rng.spawn(5)
    place = camera.places[scene.integers(len(camera.places))]
    canvas_size = (round(CANVAS_ROWS / scene.uniform(*image_format.aspect)), CANVAS_ROWS)
    light = scene.choice((-1.0, 1.0)) * scene.uniform(0.3, 1.0)
    canvas = paint_backdrop(canvas_size, place, scene)
    for _ in range(behind.poisson(style.passers_by)):
        _passer_by(canvas, camera, wardrobe, light, behind, near=False)

    turn = camera.headings[body.integers(len(camera.headings))] + body.normal(0, 0.35)
    pose = random_pose(body, turn, camera.tilt)
    feet, unit = box(canvas_size, style.crop_error, body)
    if person:
        _shadow(canvas, place, feet, unit, light)
    canvas = canvas.filter(ImageFilter.GaussianBlur(1.5))  # no edge around the person is as sharp as her own
    if person:
        draw_person(canvas, person, pose, feet, unit, light)

    if front.random() < style.occlusion:
        if front.random() < 0.35:
            _passer_by(canvas, camera, wardrobe, light, front, near=True)
        else:
            put_in_front(canvas, place, front)
    image = expose(canvas, camera, time, sensor)
    return image.resize(image_format.size, Image.Resampling.BICUBIC) if image_format.size else image


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
