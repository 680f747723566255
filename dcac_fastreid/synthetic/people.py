"""Who a person is: build, hair, clothes and bags, drawn once per identity from what a domain's people wear."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

Colour = tuple[int, int, int]
Weights = dict[str, float]  # what can be drawn -> how often, not normalised

DYES: dict[str, Colour] = {
    "black": (26, 26, 29),
    "charcoal": (62, 63, 68),
    "grey": (128, 129, 132),
    "silver": (184, 186, 188),
    "white": (234, 233, 228),
    "navy": (28, 36, 76),
    "denim": (66, 88, 130),
    "blue": (40, 92, 182),
    "sky": (134, 180, 222),
    "teal": (30, 118, 122),
    "green": (44, 124, 66),
    "olive": (94, 96, 56),
    "moss": (92, 108, 64),
    "khaki": (166, 148, 108),
    "beige": (208, 188, 156),
    "brown": (98, 66, 44),
    "wine": (104, 24, 42),
    "red": (192, 36, 40),
    "pink": (228, 146, 170),
    "orange": (226, 118, 38),
    "yellow": (230, 198, 66),
    "purple": (108, 64, 138),
}
SKINS: tuple[Colour, ...] = ((236, 200, 176), (224, 184, 154), (204, 158, 124), (164, 114, 82), (112, 76, 56))
HAIRS: tuple[Colour, ...] = ((22, 20, 22), (40, 30, 26), (74, 50, 34), (120, 80, 46), (176, 138, 84), (140, 138, 136))
HAIR_WEIGHTS = (0.42, 0.24, 0.14, 0.08, 0.07, 0.05)


@dataclass(frozen=True)
class Wardrobe:
    """What the people of a domain wear."""

    top_dyes: Weights
    bottom_dyes: Weights
    patterns: Weights  # of the top; see fabric.py
    bottoms: Weights  # trousers, shorts, skirt
    bags: Weights  # none, backpack, shoulder, handbag
    bag_dyes: Weights
    long_sleeves: float  # probability
    long_coats: float  # probability that a long-sleeved top reaches down the thighs
    open_jackets: float  # probability that a long-sleeved top is open and shows a shirt
    hats: float  # probability
    look_alikes: float  # share of people whose clothes another person wears, too


@dataclass(frozen=True)
class Garment:
    dye: Colour
    accent: Colour  # the pattern's second colour
    pattern: str = "plain"
    pitch: float = 0.1  # period of the pattern, in body heights


@dataclass(frozen=True)
class Person:
    """Lengths are fractions of the body height."""

    breadth: float  # 1 = average
    leg: float  # length of the legs
    skin: Colour
    hair: Colour
    hair_style: str  # short, bob, long, tail, bald
    hat: Colour | None
    top: Garment
    sleeve: float  # covered part of the arm
    hem: float  # height above the ground at which the top ends
    shirt: Colour | None  # seen under an open jacket
    bottom: str
    bottom_dye: Colour
    bottom_hem: float  # height above the ground at which skirt or shorts end
    shoes: Colour
    bag: str
    bag_dye: Colour
    side: int  # +1: carries the bag on the left, -1: on the right


def pick(rng: np.random.Generator, weights: Weights) -> str:
    """One key of `weights`, drawn in proportion to its value."""
    names, shares = list(weights), np.cumsum(list(weights.values()))
    return names[int(np.searchsorted(shares, rng.random() * shares[-1], side="right"))]


def vary(rng: np.random.Generator, colour: Colour, spread: float) -> Colour:
    """The colour, a little lighter or darker (all channels) and a little off in hue (each channel)."""
    shift = rng.normal(0, spread) + rng.normal(0, spread / 2, 3)
    return tuple(int(np.clip(value + s, 8, 247)) for value, s in zip(colour, shift, strict=True))


def dye(rng: np.random.Generator, weights: Weights) -> Colour:
    return vary(rng, DYES[pick(rng, weights)], 9)


def new_person(rng: np.random.Generator, wardrobe: Wardrobe) -> Person:
    leg = rng.uniform(0.455, 0.515)
    long_sleeved = rng.random() < wardrobe.long_sleeves
    coat = long_sleeved and rng.random() < wardrobe.long_coats
    jacket = long_sleeved and rng.random() < wardrobe.open_jackets
    bottom = pick(rng, wardrobe.bottoms)
    return Person(
        breadth=float(np.clip(rng.normal(1.0, 0.12), 0.8, 1.32)),
        leg=leg,
        skin=vary(rng, SKINS[rng.integers(len(SKINS))], 5),
        hair=vary(rng, HAIRS[rng.choice(len(HAIRS), p=HAIR_WEIGHTS)], 4),
        hair_style=pick(rng, {"short": 0.5, "bob": 0.14, "long": 0.18, "tail": 0.14, "bald": 0.04}),
        hat=dye(rng, wardrobe.bag_dyes) if rng.random() < wardrobe.hats else None,
        top=_new_top(rng, wardrobe),
        sleeve=1.0 if long_sleeved else rng.uniform(0.25, 0.5),
        hem=leg - (rng.uniform(0.1, 0.2) if coat else rng.uniform(-0.02, 0.04)),
        shirt=dye(rng, wardrobe.top_dyes) if jacket else None,
        bottom=bottom,
        bottom_dye=dye(rng, wardrobe.bottom_dyes),
        bottom_hem=leg * (rng.uniform(0.5, 0.72) if bottom == "shorts" else rng.uniform(0.4, 0.75)),
        shoes=dye(rng, {"black": 3, "white": 3, "grey": 1, "brown": 1, "red": 0.5, "blue": 0.5}),
        bag=pick(rng, wardrobe.bags),
        bag_dye=dye(rng, wardrobe.bag_dyes),
        side=1 if rng.random() < 0.5 else -1,
    )


def dressed_like(person: Person, other: Person) -> Person:
    """The person in the other's clothes; build, head, shoes and bag stay her own."""
    clothes = ("top", "sleeve", "hem", "shirt", "bottom", "bottom_dye", "bottom_hem")
    return replace(person, **{name: getattr(other, name) for name in clothes})


def _new_top(rng: np.random.Generator, wardrobe: Wardrobe) -> Garment:
    """A top whose accent differs enough from its dye for the pattern to be seen."""
    colour, pattern = dye(rng, wardrobe.top_dyes), pick(rng, wardrobe.patterns)
    accent = dye(rng, wardrobe.top_dyes)
    if sum(abs(a - b) for a, b in zip(colour, accent, strict=True)) < 150:
        accent = DYES["white"] if sum(colour) < 380 else DYES["navy"]
    return Garment(colour, accent, pattern, rng.uniform(0.05, 0.11))
