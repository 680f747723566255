"""What a camera's sensor makes of a scene: light, colours, sharpness, noise and resolution."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi

import numpy as np
from PIL import Image, ImageFilter

from dcac_fastreid.synthetic.cameras import Camera, colour_cast


@dataclass(frozen=True)
class Daylight:
    exposure: float
    cast: tuple[float, float, float]
    cast_shadows: float  # probability that the edge of a shadow crosses the image


TIMES = {
    "morning": Daylight(0.84, (0.92, 0.99, 1.1), 0.15),
    "noon": Daylight(1.15, (1.02, 1.0, 0.97), 0.4),
    "afternoon": Daylight(0.92, (1.13, 1.0, 0.84), 0.3),
}


def expose(canvas: Image.Image, camera: Camera, time: str, rng: np.random.Generator) -> Image.Image:
    """The image of the scene on the canvas, in the sensor's own resolution."""
    rows = round(camera.rows * rng.uniform(0.85, 1.15))
    small = canvas.resize((round(rows * canvas.width / canvas.height), rows), Image.Resampling.BILINEAR)
    moves, way = rng.random(), rng.uniform(0.5, 1.2)
    if moves < camera.style.motion:
        small = small.filter(ImageFilter.BoxBlur((way, 0)))
    small = small.filter(ImageFilter.GaussianBlur(camera.blur * rng.uniform(0.6, 1.4)))
    light = np.asarray(small, np.float32) / 255
    light = light * _illumination(light.shape[:2], camera, time, rng)
    # A camera adjusts itself to the light, not fully: without this, dark clothes on dark ground vanish.
    light = light * (0.45 / max(light.mean(), 0.1)) ** 0.5
    light = np.where(light < 0.7, light, 1 - 0.3 * np.exp((0.7 - light) / 0.3))  # highlights fade into white
    light = light * (1 - camera.haze) + camera.haze * 0.7
    light = (light - 0.45) * camera.contrast * rng.uniform(0.9, 1.1) + 0.45
    grey = light.mean(axis=2, keepdims=True)
    light = grey + (light - grey) * camera.saturation * np.exp(rng.normal(0, 0.1))
    light = light + rng.standard_normal(light.shape, np.float32) * (camera.noise / 255)
    return Image.fromarray((light.clip(0, 1) * 255).astype(np.uint8))


def _illumination(size: tuple[int, int], camera: Camera, time: str, rng: np.random.Generator) -> np.ndarray:
    """(H, W, 3) brightness that falls on every pixel: exposure, colours, a gradient and cast shadows."""
    style, day = camera.style, TIMES[time]
    day_light, day_colour = (0.0, 0.0) if camera.indoors else (style.day_light, style.day_colour)
    exposure = camera.exposure * day.exposure**day_light * np.exp(style.exposure_spread * rng.uniform(-1.7, 1.7))
    cast = style.tone * camera.cast * np.power(day.cast, day_colour) * colour_cast(rng, style.flicker_spread)
    y, x = np.linspace(-1, 1, size[0], dtype=np.float32)[:, None], np.linspace(-1, 1, size[1], dtype=np.float32)[None]
    field = 1 + rng.uniform(-0.2, 0.2) * y + rng.uniform(-0.2, 0.2) * x
    dapples = Image.fromarray(rng.normal(1, 0.08, (10, 5)).astype(np.float32))  # folds, dirt, leaves' shadows
    field = field * np.asarray(dapples.resize(size[::-1], Image.Resampling.BICUBIC))
    if rng.random() < day.cast_shadows * day_light:
        angle = rng.uniform(0, 2 * pi)
        edge = 6 * (np.cos(angle) * x + np.sin(angle) * y - rng.uniform(-0.5, 0.5))
        field = field * (1 - rng.uniform(0.25, 0.5) * edge.clip(0, 1))
    return field[..., None] * (exposure * cast).astype(np.float32)
