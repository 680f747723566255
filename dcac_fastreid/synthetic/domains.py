"""The domains by name: what their people wear, how their cameras see, how large they are, how they lie on disk."""

from __future__ import annotations

from dataclasses import dataclass

from dcac_fastreid.synthetic import camera_styles, wardrobes
from dcac_fastreid.synthetic.cameras import CameraStyle
from dcac_fastreid.synthetic.image import Format
from dcac_fastreid.synthetic.layouts import CUHK03NPLayout, DukeMTMCLayout, Layout, Market1501Layout, MSMT17Layout
from dcac_fastreid.synthetic.people import Wardrobe


@dataclass(frozen=True)
class Counts:
    """How many people and images; training, test and validation people are different people."""

    train_ids: int
    train_images: int  # per identity
    test_ids: int
    queries: int  # per identity
    gallery: int  # per identity
    validation_ids: int = 0  # people on whom a choice can be made, so that no test set makes it
    validation_images: int = 8  # per identity


@dataclass(frozen=True)
class Domain:
    number: int  # part of every seed: stays as it is, whatever domains are added
    layout: Layout
    wardrobe: Wardrobe
    cameras: int
    seen_by: tuple[int, int]  # how many cameras see one person: smallest and largest number
    style: CameraStyle
    format: Format
    counts: Counts
    distractors: float = 0.0  # images of background and strangers, per gallery image
    junk: float = 0.0  # badly boxed images of the test people, per gallery image


# Many queries for each of few people: between two encoders, single queries make the average difference uncertain, and people hardly
# do (docs/synthetic-benchmark.md). More people would also make the galleries larger and all scores lower.
DOMAINS = {
    "market1501": Domain(
        number=1,
        layout=Market1501Layout(),
        wardrobe=wardrobes.SUMMER,
        cameras=6,
        seen_by=(3, 6),
        style=camera_styles.SUNNY_SQUARE,
        format=Format(aspect=(2.0, 2.0), size=(64, 128)),
        counts=Counts(train_ids=60, train_images=12, test_ids=40, queries=10, gallery=10, validation_ids=32),
        distractors=0.2,  # of the real gallery's 13,115 images of test people: 2,798 and 3,819
        junk=0.3,
    ),
    "dukemtmc": Domain(
        number=3,
        layout=DukeMTMCLayout(),
        wardrobe=wardrobes.CAMPUS_WINTER,
        cameras=8,
        seen_by=(2, 5),
        style=camera_styles.WIDE_CAMPUS,
        format=Format(aspect=(2.1, 2.7), size=None),
        counts=Counts(train_ids=64, train_images=12, test_ids=44, queries=9, gallery=9, validation_ids=32),
    ),
    "cuhk03np": Domain(
        number=4,
        layout=CUHK03NPLayout(),
        wardrobe=wardrobes.STUDENTS,
        cameras=2,
        seen_by=(2, 2),
        style=camera_styles.COVERED_CORRIDOR,
        format=Format(aspect=(2.2, 3.2), size=None),
        counts=Counts(train_ids=56, train_images=10, test_ids=36, queries=10, gallery=8, validation_ids=32),
    ),
    "msmt17": Domain(
        number=2,
        layout=MSMT17Layout(),
        wardrobe=wardrobes.COLD,
        cameras=15,
        seen_by=(3, 6),
        style=camera_styles.STREETS_AND_HALLS,
        format=Format(aspect=(1.9, 2.9), size=None),
        counts=Counts(train_ids=72, train_images=12, test_ids=48, queries=10, gallery=11, validation_ids=32),
    ),
}
