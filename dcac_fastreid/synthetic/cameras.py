"""How a camera sees: where it hangs, what it overlooks, and its light, colours, sharpness and resolution."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi

import numpy as np
from PIL import Image, ImageFilter

from dcac_fastreid.synthetic.people import Weights, dye, pick
from dcac_fastreid.synthetic.scenery import Place

Range = tuple[float, float]  # drawn uniformly


@dataclass(frozen=True)
class Surroundings:
    """What a domain's cameras overlook, indoors or outdoors."""

    grounds: Weights
    pavings: Weights
    walls: Weights
    facades: Weights


@dataclass(frozen=True)
class CameraStyle:
    """What the cameras of a domain have in common. Spreads are standard deviations of a logarithm: 0.1 = 10 %."""

    outdoors: Surroundings
    indoors: Surroundings | None
    indoor_share: float  # of the cameras
    places: int  # that one camera overlooks
    horizon: Range  # of the places; fraction of the picture's height, below 0: only ground in view
    tilt: Range  # radians by which a camera looks down
    exposure: Range  # mean brightness of a camera
    exposure_spread: float  # from picture to picture
    cast_spread: float  # of the colour channels, from camera to camera
    flicker_spread: float  # of the colour channels, from picture to picture
    contrast: Range
    haze: Range  # share of the veil over a picture
    saturation: Range
    blur: Range  # pixels of the sensor
    noise: Range  # grey levels
    rows: Range  # of the sensor that a person fills: the resolution
    daylight: float  # how strongly the time of day shows; 0 = not at all
    crop_error: float  # probability of a bad bounding box
    occlusion: float  # probability that something stands in front
    passers_by: float  # mean number of other people in a picture


@dataclass(frozen=True)
class Camera:
    style: CameraStyle
    places: tuple[Place, ...]
    headings: tuple[float, ...]  # turns in which people mostly walk past
    indoors: bool
    tilt: float
    exposure: float
    cast: np.ndarray  # (3,)
    contrast: float
    haze: float
    saturation: float
    blur: float
    noise: float
    rows: float


@dataclass(frozen=True)
class Daylight:
    exposure: float
    cast: tuple[float, float, float]
    cast_shadows: float  # probability that the edge of a shadow crosses the picture


TIMES = {
    "morning": Daylight(0.84, (0.92, 0.99, 1.1), 0.15),
    "noon": Daylight(1.15, (1.02, 1.0, 0.97), 0.4),
    "afternoon": Daylight(0.92, (1.13, 1.0, 0.84), 0.3),
}


def new_camera(rng: np.random.Generator, style: CameraStyle) -> Camera:
    indoors = rng.random() < style.indoor_share
    surroundings = style.indoors if indoors and style.indoors else style.outdoors
    along = rng.uniform(0, 2 * pi)
    return Camera(
        style=style,
        places=tuple(_new_place(rng, style, surroundings) for _ in range(style.places)),
        headings=(along, along + pi, along + rng.uniform(0.4, 0.6) * pi),
        indoors=indoors,
        tilt=rng.uniform(*style.tilt),
        exposure=rng.uniform(*style.exposure),
        cast=_cast(rng, style.cast_spread),
        contrast=rng.uniform(*style.contrast),
        haze=rng.uniform(*style.haze),
        saturation=rng.uniform(*style.saturation),
        blur=rng.uniform(*style.blur),
        noise=rng.uniform(*style.noise),
        rows=rng.uniform(*style.rows),
    )


def _new_place(rng: np.random.Generator, style: CameraStyle, surroundings: Surroundings) -> Place:
    paving = pick(rng, surroundings.pavings)
    facade = pick(rng, surroundings.facades)
    return Place(
        ground=dye(rng, {"olive": 2, "green": 1}) if paving == "grass" else dye(rng, surroundings.grounds),
        paving=paving,
        wall=dye(rng, surroundings.walls),
        facade=facade,
        horizon=rng.uniform(*style.horizon),
        indoors=surroundings is style.indoors,
    )


def _cast(rng: np.random.Generator, spread: float) -> np.ndarray:
    """Gains of red, green and blue: white balance errs between blue and orange, and less between green and magenta."""
    warmth, tint = rng.normal(0, spread), rng.normal(0, 0.35 * spread)
    return np.exp([warmth + tint, -tint, -warmth + tint])


def expose(canvas: Image.Image, camera: Camera, time: str, rng: np.random.Generator) -> Image.Image:
    """What the camera's sensor makes of the scene on the canvas, in the sensor's own resolution."""
    rows = round(camera.rows * rng.uniform(0.85, 1.15))
    small = canvas.resize((round(rows * canvas.width / canvas.height), rows), Image.Resampling.BILINEAR)
    if rng.random() < 0.2:  # the person moves while the shutter is open
        small = small.filter(ImageFilter.BoxBlur((rng.uniform(0.5, 1.5), 0)))
    small = small.filter(ImageFilter.GaussianBlur(camera.blur * rng.uniform(0.6, 1.4)))
    light = np.asarray(small, np.float32) / 255
    light = light * _illumination(light.shape[:2], camera, time, rng)
    light = np.where(light < 0.7, light, 1 - 0.3 * np.exp((0.7 - light) / 0.3))  # highlights fade into white
    light = light * (1 - camera.haze) + camera.haze * 0.7
    light = (light - 0.45) * camera.contrast * rng.uniform(0.85, 1.15) + 0.45
    grey = light.mean(axis=2, keepdims=True)
    light = grey + (light - grey) * camera.saturation * np.exp(rng.normal(0, 0.15))
    light = light + rng.standard_normal(light.shape, np.float32) * (camera.noise / 255)
    return Image.fromarray((light.clip(0, 1) * 255).astype(np.uint8))


def _illumination(size: tuple[int, int], camera: Camera, time: str, rng: np.random.Generator) -> np.ndarray:
    """(H, W, 3) brightness that falls on every pixel: exposure, colour cast, a gradient and cast shadows."""
    style, day = camera.style, TIMES[time]
    strength = 0.0 if camera.indoors else style.daylight
    exposure = camera.exposure * day.exposure**strength * np.exp(style.exposure_spread * rng.uniform(-1.7, 1.7))
    cast = camera.cast * np.power(day.cast, strength) * _cast(rng, style.flicker_spread)
    y, x = np.linspace(-1, 1, size[0], dtype=np.float32)[:, None], np.linspace(-1, 1, size[1], dtype=np.float32)[None]
    field = 1 + rng.uniform(-0.2, 0.2) * y + rng.uniform(-0.2, 0.2) * x
    dapples = Image.fromarray(rng.normal(1, 0.09, (10, 5)).astype(np.float32))  # folds, dirt, leaves' shadows
    field = field * np.asarray(dapples.resize(size[::-1], Image.Resampling.BICUBIC))
    if rng.random() < day.cast_shadows * strength:
        angle = rng.uniform(0, 2 * pi)
        edge = 6 * (np.cos(angle) * x + np.sin(angle) * y - rng.uniform(-0.5, 0.5))
        field = field * (1 - rng.uniform(0.3, 0.55) * edge.clip(0, 1))
    return field[..., None] * (exposure * cast).astype(np.float32)
