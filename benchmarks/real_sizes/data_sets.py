"""Which images do the four real data sets have: how many of whom, what are they called, and how large are they?"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dcac_fastreid.data.readers.known_datasets import KNOWN_DATASETS
from dcac_fastreid.synthetic import layouts
from dcac_fastreid.synthetic.sensor import TIMES

# Of the literature; how many images are trained on and tested stands in KNOWN_DATASETS.
DISTRACTORS, JUNK = 2_798, 3_819  # of Market1501, in its gallery's folder
LIST_VAL = 2_373  # of MSMT17's training images those that list_val.txt names
LEAST_IDENTITIES = 16  # of a small version: the identities of a batch
LEAST_IMAGES = {"train": 4, "gallery": 2}  # of an identity
TEST_PEOPLE = ("query", "gallery")
ALONE = ("distractors", "junk")  # each is one identity to its data set


@dataclass(frozen=True)
class RealDataSet:
    """One data set as it is in reality.

    number: of the data set, part of each image's number.
    widths, heights: the least and the greatest, in pixels.
    extras: split -> images that KNOWN_DATASETS does not count apart.
    """

    number: int
    layout: layouts.Layout
    cameras: int
    widths: tuple[int, int]
    heights: tuple[int, int]
    extras: tuple[tuple[str, int], ...] = ()


REAL = {
    "DG_Market1501": RealDataSet(
        0, layouts.Market1501Layout(), 6, (64, 64), (128, 128), (("distractors", DISTRACTORS), ("junk", JUNK))
    ),
    "DG_DukeMTMC": RealDataSet(1, layouts.DukeMTMCLayout(), 8, (60, 120), (150, 300)),
    "DG_MSMT17": RealDataSet(2, layouts.MSMT17Layout(), 15, (100, 200), (250, 400), (("val", LIST_VAL),)),
    "DG_CUHK03NP": RealDataSet(3, layouts.CUHK03NPLayout(), 2, (80, 130), (230, 370)),
}


def counts(name: str, scale: float = 1) -> dict[str, tuple[int, int]]:
    """Split -> (identities, images); of a scale below 1 a small version with as many images of each identity as can be."""
    of_literature, extras = KNOWN_DATASETS[name].counts, dict(REAL[name].extras)
    numbers = {split: (identities, images) for split, (identities, images) in of_literature.items()}
    numbers |= {split: (1, images) for split, images in extras.items() if split in ALONE}
    if "distractors" in extras:  # to the literature, they are one more identity of the gallery
        identities, images = numbers["gallery"]
        numbers["gallery"] = identities - 1, images - extras["distractors"]
    if "val" in extras:  # other images of the training people
        identities, images = numbers["train"]
        numbers["train"], numbers["val"] = (identities, images - extras["val"]), (identities, extras["val"])
    return {split: _scaled(split, *number, scale) for split, number in numbers.items()}


def _scaled(split: str, identities: int, images: int, scale: float) -> tuple[int, int]:
    if split not in ALONE:
        identities = min(identities, max(LEAST_IDENTITIES, round(identities * scale)))
    return identities, max(identities * LEAST_IMAGES.get(split, 1), round(images * scale))


def shots(name: str, scale: float = 1) -> Iterator[layouts.Shot]:
    """Every image once, split by split. An identity's images go round the cameras, so that each query has a match."""
    real, numbers = REAL[name], counts(name, scale)
    trained, tested = numbers["train"][0], max(numbers[split][0] for split in TEST_PEOPLE)
    first = {"query": trained, "gallery": trained, "distractors": trained + tested, "junk": trained + tested + 1}
    taken: dict[int, int] = {}  # identity -> its images so far
    times = list(TIMES)
    for split, (identities, images) in numbers.items():
        for index in range(identities):
            person = first.get(split, 0) + index
            label = {"query": index, "gallery": index}.get(split, layouts.NOBODY if split in ALONE else person)
            for _ in range(images // identities + (index < images % identities)):
                number = taken[person] = taken.get(person, -1) + 1
                camera, time = (person + number) % real.cameras, times[number % len(times)]
                yield layouts.Shot(split, person, label, camera, number, time)


def image_size(name: str, rng: np.random.Generator) -> tuple[int, int]:
    """Width and height in pixels, between the data set's bounds; narrow images are low ones, as boxes of people are."""
    real = REAL[name]
    share = rng.random()
    width, height = (low + share * (high - low) for low, high in (real.widths, real.heights))
    spread = real.heights[1] > real.heights[0]
    return round(width), round(height + spread * rng.uniform(-0.05, 0.05) * height)
