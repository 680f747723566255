"""What a camera is: where it hangs, what it overlooks, how bright, tinted, sharp and detailed its images are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import pi

import numpy as np

from dcac_fastreid.synthetic.difficulty import Difficulty
from dcac_fastreid.synthetic.people import Weights, dye, pick
from dcac_fastreid.synthetic.scenery import Place

Range = tuple[float, float]  # drawn uniformly
DARKEST = 0.3  # exposure; a wide enough range would reach below 0


@dataclass(frozen=True)
class Surroundings:
    """What a camera overlooks."""

    grounds: Weights
    pavings: Weights
    walls: Weights
    facades: Weights
    indoors: bool = False


@dataclass(frozen=True)
class CameraStyle:
    """What the cameras of a domain have in common. Spreads are standard deviations of a logarithm: 0.1 = 10 %."""

    surroundings: tuple[Surroundings, ...]  # every camera overlooks one of them
    places: int  # that one camera overlooks
    horizon: Range  # of the places; fraction of the image's height, below 0: only ground in view
    tilt: Range  # radians by which a camera looks down
    tone: tuple[float, float, float]  # gains of red, green and blue that all cameras share: the domain's look
    exposure: Range  # brightness of a camera
    exposure_spread: float  # from image to image
    cast_spread: float  # of the colour channels, from camera to camera
    flicker_spread: float  # of the colour channels, from image to image
    contrast: Range
    haze: Range  # share of the veil over an image
    saturation: Range
    blur: Range  # pixels of the sensor
    motion: float  # probability that the person moves while the shutter is open
    noise: Range  # grey levels
    rows: Range  # of the sensor that a person fills: the resolution
    day_light: float  # how strongly the time of day shows in the brightness; 0 = not at all
    day_colour: float  # how strongly the time of day shows in the colours
    crop_error: float  # probability of a bad bounding box
    occlusion: float  # probability that something stands in front
    passers_by: float  # mean number of other people in an image


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


def adjusted(style: CameraStyle, difficulty: Difficulty) -> CameraStyle:
    """The style in a data set of this difficulty."""
    darkest, brightest = _widened(style.exposure, difficulty.light * difficulty.cameras)
    return replace(
        style,
        tone=tuple(gain**difficulty.domain_gap for gain in style.tone),
        exposure=(max(darkest, DARKEST), brightest),
        exposure_spread=style.exposure_spread * difficulty.light,
        contrast=_widened(style.contrast, difficulty.light),
        haze=_scaled(style.haze, difficulty.light),
        day_light=style.day_light * difficulty.light,
        cast_spread=style.cast_spread * difficulty.colour * difficulty.cameras,
        flicker_spread=style.flicker_spread * difficulty.colour,
        saturation=_widened(style.saturation, difficulty.colour),
        day_colour=style.day_colour * difficulty.colour,
        blur=_scaled(style.blur, difficulty.blur),
        motion=style.motion * difficulty.blur,
        noise=_scaled(style.noise, difficulty.noise),
        crop_error=style.crop_error * difficulty.crop_errors,
        occlusion=style.occlusion * difficulty.occlusion,
        passers_by=style.passers_by * difficulty.occlusion,
    )


def new_camera(rng: np.random.Generator, style: CameraStyle) -> Camera:
    surroundings = style.surroundings[rng.integers(len(style.surroundings))]
    along = rng.uniform(0, 2 * pi)
    return Camera(
        style=style,
        places=tuple(_new_place(rng, style, surroundings) for _ in range(style.places)),
        headings=(along, along + pi, along + rng.uniform(0.4, 0.6) * pi),
        indoors=surroundings.indoors,
        tilt=rng.uniform(*style.tilt),
        exposure=rng.uniform(*style.exposure),
        cast=colour_cast(rng, style.cast_spread),
        contrast=rng.uniform(*style.contrast),
        haze=rng.uniform(*style.haze),
        saturation=rng.uniform(*style.saturation),
        blur=rng.uniform(*style.blur),
        noise=rng.uniform(*style.noise),
        rows=rng.uniform(*style.rows),
    )


def colour_cast(rng: np.random.Generator, spread: float) -> np.ndarray:
    """Gains of red, green and blue: white balance errs between blue and orange, and less between green and magenta."""
    # Limited: the tails of a normal distribution would give images that no camera makes.
    warmth, tint = rng.normal(0, 1, 2).clip(-1.6, 1.6) * (spread, 0.35 * spread)
    return np.exp([warmth + tint, -tint, -warmth + tint])


def _new_place(rng: np.random.Generator, style: CameraStyle, surroundings: Surroundings) -> Place:
    paving = pick(rng, surroundings.pavings)
    facade = pick(rng, surroundings.facades)
    return Place(
        ground=dye(rng, {"moss": 2, "olive": 1}) if paving == "grass" else dye(rng, surroundings.grounds),
        paving=paving,
        wall=dye(rng, surroundings.walls),
        facade=facade,
        horizon=rng.uniform(*style.horizon),
        indoors=surroundings.indoors,
    )


def _scaled(values: Range, factor: float) -> Range:
    return values[0] * factor, values[1] * factor


def _widened(values: Range, factor: float) -> Range:
    """The range with the same middle, `factor` times as wide."""
    middle, half = (values[0] + values[1]) / 2, (values[1] - values[0]) / 2
    return middle - half * factor, middle + half * factor
