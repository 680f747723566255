"""The web: captioned images of people in scenes and clothes that no Re-ID domain has, to pre-train the small parts on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from math import pi

import numpy as np
from PIL import Image

from dcac_fastreid.helper_processes import pool
from dcac_fastreid.synthetic.boxes import Box, detected
from dcac_fastreid.synthetic.camera_styles import SUNNY_SQUARE
from dcac_fastreid.synthetic.cameras import CameraStyle, Surroundings, new_camera
from dcac_fastreid.synthetic.image import Format, render_image
from dcac_fastreid.synthetic.people import DYES, Person, Wardrobe, new_person, pick
from dcac_fastreid.synthetic.sensor import TIMES
from dcac_fastreid.synthetic.streams import IMAGE, stream

NUMBER = 5  # of the domain, part of every seed; the Re-ID domains are 1 to 4, see domains.py
SIZE = (64, 128)  # columns, rows
EVERYTHING_ELSE = 0.1  # share of images whose person is cut off, half out of the image or far away

WARDROBE = Wardrobe(
    top_dyes=dict.fromkeys(DYES, 1.0),
    bottom_dyes=dict.fromkeys(DYES, 1.0),
    patterns={
        "plain": 5, "print": 1, "stripes": 1.5, "pinstripes": 0.7, "checks": 1, "dots": 1, "block": 0.7,
        "camouflage": 0.4, "zigzag": 1, "diamonds": 1,
    },
    bottoms={"trousers": 3, "shorts": 2, "skirt": 2},
    bags={"none": 2, "backpack": 1.5, "shoulder": 1.5, "handbag": 1.5},
    bag_dyes=dict.fromkeys(DYES, 1.0),
    long_sleeves=0.5,
    long_coats=0.2,
    open_jackets=0.2,
    hats=0.2,
    look_alikes=0.0,
)  # fmt: skip

_PHOTOGRAPHER = replace(
    SUNNY_SQUARE,
    places=1,
    tone=(1.0, 1.0, 1.0),
    exposure=(0.8, 1.2),
    cast_spread=0.08,
    contrast=(0.8, 1.15),
    saturation=(0.6, 1.1),
    blur=(0.2, 0.9),
    noise=(1.0, 8.0),
    rows=(80, 200),
    day_light=0.6,
    horizon=(-0.1, 0.6),
    occlusion=0.1,
    passers_by=0.3,
)
_SURROUNDINGS = {  # grounds, pavings, walls, facades; what stands there twice is twice as frequent
    "on a beach": (("beige", "khaki"), ("asphalt",), ("sky", "sky", "teal", "blue"), ("plain",)),
    "in the mountains": (("green", "moss", "olive"), ("grass",), ("teal", "purple", "sky"), ("hills",)),
    "in the snow": (("white", "white", "white", "silver"), ("asphalt",), ("white", "sky", "sky"), ("hills", "plain")),
    "at a party": (("black", "purple", "wine"), ("floor",), ("black", "navy", "purple"), ("lights",)),
    "on a stage": (("red", "wine", "orange"), ("asphalt",), ("red", "black", "purple"), ("lights", "plain")),
    "in a studio": (("pink", "yellow", "white"), ("asphalt",), ("pink", "yellow", "orange", "white"), ("plain",)),
}
INDOORS = ("at a party", "on a stage", "in a studio")
SCENES: dict[str, CameraStyle] = {
    name: replace(
        _PHOTOGRAPHER,
        surroundings=(Surroundings(*(Counter(words) for words in kinds), indoors=name in INDOORS),),
    )
    for name, kinds in _SURROUNDINGS.items()
}

# By quarter turns from facing the camera; a person who walks to the right of the image shows her right side.
VIEWS = ("from the front", "from the right", "from behind", "from the left")


@dataclass(frozen=True)
class WebImage:
    """An image of the web and what is in it."""

    image: Image.Image
    person: Person
    scene: str  # of SCENES
    view: str  # of VIEWS


def web_image(seed: int, number: int) -> WebImage:
    """Image `number` of the web; people are met once."""
    rng = stream(seed, NUMBER, IMAGE, number)
    scene = pick(rng, dict.fromkeys(SCENES, 1.0))
    turn = rng.uniform(0, 2 * pi)
    camera = replace(new_camera(rng, SCENES[scene]), headings=(turn,))
    person = new_person(rng, WARDROBE)
    image = render_image(
        person, camera, pick(rng, dict.fromkeys(TIMES, 1.0)), WARDROBE, Format((2.0, 2.0), SIZE), rng, _box
    )
    return WebImage(image, person, scene, VIEWS[round(turn / (pi / 2)) % 4])


def web_images(seed: int, number: int, workers: int = 2, begin: int = 0) -> Iterator[WebImage]:
    """Images `begin` to `begin + number`, in order."""
    with pool(workers) as processes:
        yield from processes.map(partial(web_image, seed), range(begin, begin + number), chunksize=64)


def _box(size: tuple[int, int], error: float, rng: np.random.Generator) -> Box:
    """As a detector's, and some as no detector's: photographs are not cut to people."""
    if rng.random() >= EVERYTHING_ELSE:
        return detected(size, error, rng)
    w, h = size
    unit = h * rng.uniform(0.6, 1.6)
    return (w * rng.uniform(0.3, 0.7), min(h * rng.uniform(0.9, 1.0) + max(0.0, unit - h), unit)), unit
