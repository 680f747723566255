"""The domains by name: what their people wear, how their cameras see, how large they are, how they lie on disk."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dcac_fastreid.synthetic.cameras import CameraStyle, Surroundings
from dcac_fastreid.synthetic.layouts import Layout, Market1501Layout, MSMT17Layout
from dcac_fastreid.synthetic.people import Wardrobe
from dcac_fastreid.synthetic.picture import Format


@dataclass(frozen=True)
class Counts:
    """How many people and pictures; training and test people are different people."""

    train_ids: int = 60
    train_images: int = 12  # per identity
    test_ids: int = 40
    queries: int = 2  # per identity
    gallery: int = 10  # per identity


DEFAULT_COUNTS = Counts()


@dataclass(frozen=True)
class Domain:
    number: int  # part of every seed: stays as it is, whatever domains are added
    layout: Layout
    wardrobe: Wardrobe
    cameras: int
    seen_by: tuple[int, int]  # how many cameras see one person: smallest and largest number
    style: CameraStyle
    format: Format


SUMMER = Wardrobe(
    top_dyes={
        "white": 5, "black": 4, "grey": 2.5, "red": 2.2, "sky": 2, "blue": 2, "pink": 2, "navy": 1.5, "yellow": 1.4,
        "green": 1.4, "beige": 1.2, "orange": 1, "purple": 1, "teal": 1, "khaki": 0.8, "wine": 0.8,
    },
    bottom_dyes={
        "black": 4, "denim": 4, "navy": 2, "khaki": 1.8, "grey": 1.5, "white": 1.5, "beige": 1, "blue": 1, "red": 0.4,
    },
    patterns={"plain": 5, "print": 2, "stripes": 1.2, "pinstripes": 0.5, "checks": 1, "dots": 0.5, "block": 0.8},
    bottoms={"trousers": 4, "shorts": 4, "skirt": 2.2},
    bags={"none": 3, "backpack": 3, "shoulder": 2, "handbag": 1.6},
    bag_dyes={
        "black": 3, "red": 1.3, "blue": 1.3, "grey": 1, "khaki": 1, "brown": 1, "pink": 0.8, "yellow": 0.6,
        "green": 0.6, "white": 0.6,
    },
    long_sleeves=0.15,
    long_coats=0.0,
    open_jackets=0.2,
    hats=0.08,
)  # fmt: skip
WINTER = Wardrobe(
    top_dyes={
        "black": 6, "charcoal": 3, "navy": 3, "grey": 2.5, "olive": 1.6, "wine": 1.6, "red": 1.6, "white": 1.4,
        "blue": 1.4, "khaki": 1.2, "brown": 1.2, "beige": 1.2, "pink": 0.9, "green": 0.8, "purple": 0.7,
        "orange": 0.6, "yellow": 0.6,
    },
    bottom_dyes={"black": 6, "denim": 4, "navy": 3, "charcoal": 2, "grey": 1.2, "brown": 0.8, "khaki": 0.8},
    patterns={"plain": 6, "print": 0.8, "stripes": 0.7, "checks": 0.9, "block": 1.6, "camouflage": 0.5},
    bottoms={"trousers": 8, "shorts": 0.1, "skirt": 1.2},
    bags={"none": 3, "backpack": 3.2, "shoulder": 2, "handbag": 1.5},
    bag_dyes={
        "black": 4, "brown": 1.4, "charcoal": 1, "red": 1, "blue": 1, "khaki": 1, "wine": 0.7, "pink": 0.6,
        "white": 0.6,
    },
    long_sleeves=0.97,
    long_coats=0.38,
    open_jackets=0.35,
    hats=0.15,
)  # fmt: skip

CAMPUS = Surroundings(
    grounds={"silver": 2, "grey": 2, "beige": 2, "khaki": 1},
    pavings={"tiles": 3, "asphalt": 2, "grass": 1, "road": 0.7},
    walls={"beige": 1, "olive": 2, "green": 1, "silver": 1, "brown": 0.5},
    facades={"trees": 2.5, "plain": 1, "bricks": 1, "shop": 0.8},
)
WINTER_STREET = Surroundings(
    grounds={"grey": 3, "charcoal": 1.5, "silver": 1, "brown": 0.6},
    pavings={"asphalt": 3, "road": 2, "tiles": 2, "grass": 0.6},
    walls={"grey": 2, "brown": 1.5, "charcoal": 1, "silver": 1, "wine": 0.4},
    facades={"trees": 1.5, "windows": 2, "bricks": 1.5, "shop": 1, "plain": 0.7},
)
HALL = Surroundings(
    grounds={"beige": 2, "silver": 2, "khaki": 1, "brown": 0.7},
    pavings={"floor": 1},
    walls={"white": 2, "beige": 2, "sky": 0.6, "silver": 1},
    facades={"plain": 2, "windows": 1, "shop": 1.4},
)

MARKET_CAMERAS = CameraStyle(
    outdoors=CAMPUS,
    indoors=None,
    indoor_share=0.0,
    places=4,
    horizon=(-0.3, 0.35),
    tilt=(0.1, 0.3),
    exposure=(0.85, 1.15),
    exposure_spread=0.2,
    cast_spread=0.09,
    flicker_spread=0.06,
    contrast=(0.85, 1.1),
    haze=(0.0, 0.15),
    saturation=(0.7, 1.05),
    blur=(0.3, 0.9),
    noise=(2.0, 6.0),
    rows=(64, 112),
    daylight=0.6,
    crop_error=0.25,
    occlusion=0.12,
    passers_by=0.3,
)
MSMT_CAMERAS = replace(
    MARKET_CAMERAS,
    outdoors=WINTER_STREET,
    indoors=HALL,
    indoor_share=0.25,
    horizon=(0.0, 0.5),
    tilt=(0.02, 0.2),
    exposure=(0.6, 1.0),
    exposure_spread=0.28,
    cast_spread=0.11,
    flicker_spread=0.05,
    contrast=(0.8, 1.25),
    haze=(0.0, 0.1),
    saturation=(0.55, 1.0),
    blur=(0.4, 1.3),
    noise=(3.0, 8.0),
    rows=(96, 176),
    daylight=1.0,
    crop_error=0.15,
    occlusion=0.28,
    passers_by=0.5,
)

DOMAINS = {
    "market1501": Domain(
        number=1,
        layout=Market1501Layout(),
        wardrobe=SUMMER,
        cameras=6,
        seen_by=(3, 6),
        style=MARKET_CAMERAS,
        format=Format(aspect=(2.0, 2.0), size=(64, 128)),
    ),
    "msmt17": Domain(
        number=2,
        layout=MSMT17Layout(),
        wardrobe=WINTER,
        cameras=15,
        seen_by=(3, 6),
        style=MSMT_CAMERAS,
        format=Format(aspect=(1.9, 2.9), size=None),
    ),
}
