"""What is said of an image of the web, and how words become numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from dcac_fastreid.synthetic.people import DYES, Colour
from dcac_fastreid.synthetic.web import SCENES, VIEWS, WARDROBE, WebImage

CONTEXT = 32  # tokens
END = 1023  # the text tower takes its feature at the largest number
START, NOTHING = 1022, 0

BAGS = {"none": "no bag", "backpack": "backpack", "shoulder": "shoulder bag", "handbag": "handbag"}
LONG_HAIR = ("bob", "long", "tail")
SAID = (0.3, 1.0)  # share of a person's traits that a caption tells: some tell much, some little
# A garment's pattern, see fabric.py, as one says it.
ADJECTIVES = {
    "plain": "plain", "print": "printed", "stripes": "striped", "pinstripes": "pinstriped", "checks": "checked",
    "dots": "dotted", "block": "two-coloured", "camouflage": "camouflage", "zigzag": "zigzag", "diamonds": "diamond",
}  # fmt: skip

_WORDS = sorted(
    {
        word
        for text in (
            "a person man woman in a with no hat shirt jacket coat and seen short long sleeves",
            " ".join(DYES), " ".join(ADJECTIVES.values()), " ".join(WARDROBE.bottoms),
            " ".join(BAGS.values()), " ".join(SCENES), " ".join(VIEWS),
        )
        for word in text.split()
    }
)  # fmt: skip
VOCABULARY = {word: number for number, word in enumerate(_WORDS, 1)}


def traits(web_image: WebImage) -> dict[str, str]:
    """What can be said of the image, by kind, in words that stand in a caption."""
    person = web_image.person
    return {
        "person": "woman" if person.hair_style in LONG_HAIR else "man",
        "top colour": colour_name(person.top.dye),
        "pattern": ADJECTIVES[person.top.pattern],
        "sleeves": "long sleeves" if person.sleeve == 1.0 else "short sleeves",
        "bottom colour": colour_name(person.bottom_dye),
        "bottom": person.bottom,
        "bag": BAGS[person.bag],
        "hat": f"{colour_name(person.hat)} hat" if person.hat else "no hat",
        "scene": web_image.scene,
        "view": web_image.view,
    }


def caption(traits: Mapping[str, str], rng: np.random.Generator) -> str:
    """A sentence that tells some of the traits: "a woman in a red striped shirt and black trousers seen from behind"."""
    said = rng.uniform(*SAID)
    told = {kind: words if rng.random() < said else "" for kind, words in traits.items()}
    parts = [
        f"a {told['person'] or 'person'}",
        f"in a {told['top colour']} {told['pattern']} shirt",
        f"with {told['sleeves']}" if told["sleeves"] else "",
        f"and {told['bottom colour']} {told['bottom']}" if told["bottom"] else "",
        f"with {told['bag']}" if told["bag"] else "",
        f"with {told['hat']}" if told["hat"] else "",
        f"seen {told['view']}" if told["view"] else "",
        told["scene"],
    ]
    return " ".join(" ".join(part for part in parts if part).split())


def colour_name(colour: Colour) -> str:
    """The dye that looks most like the colour."""
    return min(DYES, key=lambda name: sum((a - b) ** 2 for a, b in zip(DYES[name], colour, strict=True)))


def tokenize(texts: Sequence[str]) -> Tensor:
    """(texts, CONTEXT) numbers of the words, as open_clip's text towers take them. Raises: KeyError: an unknown word."""
    tokens = torch.full((len(texts), CONTEXT), NOTHING)
    for row, text in zip(tokens, texts, strict=True):
        words = [START, *(VOCABULARY[word] for word in text.split()[: CONTEXT - 2]), END]
        row[: len(words)] = torch.tensor(words)
    return tokens
