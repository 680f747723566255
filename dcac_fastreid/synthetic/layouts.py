"""How a domain's images are named and listed on disk, as in the real data sets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dcac_fastreid.synthetic.sensor import TIMES

NOBODY = -1
VALIDATION = "validation"  # folder of the validation people, which no real data set has
FOLDERS = {  # of the splits, in all data sets but MSMT17
    "train": "bounding_box_train",
    "query": "query",
    "gallery": "bounding_box_test",
    "distractors": "bounding_box_test",
    "junk": "bounding_box_test",
    "validation": VALIDATION,
}


@dataclass(frozen=True)
class Shot:
    """One image to be taken."""

    split: str  # train, val (other images of the training people), query, gallery, distractors, junk, validation
    person: (
        int  # unique within the domain: training people, test people, validation people, then all distractors as one
    )
    label: int  # the person's number among the test people, of others `person`; NOBODY for distractors
    camera: int  # from 0
    number: int  # of the image among the person's images
    time: str  # of day; see sensor.TIMES


class Layout(Protocol):
    folder: str
    train_folder: str
    val_images: int  # per training identity, besides the training images
    extras: dict[str, str]  # what the gallery holds besides test people -> pattern of its paths inside `folder`

    def path(self, shot: Shot) -> str:
        """Path of the shot's image inside `folder`, with slashes."""

    def lists(self, shots: list[Shot]) -> dict[str, str]:
        """Names and contents of the list files inside `folder`."""

    def seen(self, file_name: str) -> tuple[int, int]:
        """Person and camera (from 0) that a file name tells."""


class _NamedImages:
    """The file names alone tell people, who are counted from 1, and cameras: 0002_c1..."""

    train_folder = FOLDERS["train"]
    val_images = 0
    extras: dict[str, str] = {}

    def lists(self, shots: list[Shot]) -> dict[str, str]:
        return {}

    def seen(self, file_name: str) -> tuple[int, int]:
        person, camera = file_name.split("_")[:2]
        return int(person), int(camera[1]) - 1


class Market1501Layout(_NamedImages):
    """bounding_box_train/0002_c1s1_000451_03.jpg: person, camera and sequence, frame, number of the box.

    Beside the test people, bounding_box_test holds distractors, person 0000, and junk, person -1.
    """

    folder = "Market-1501-v15.09.15"
    extras = {"distractors": f"{FOLDERS['distractors']}/0000_*", "junk": f"{FOLDERS['junk']}/-1_*"}

    def path(self, shot: Shot) -> str:
        person = {"distractors": "0000", "junk": "-1"}.get(shot.split, f"{shot.person + 1:04d}")
        # The person is part of the frame: all junk has one person in its name.
        sequence, frame = 1 + list(TIMES).index(shot.time), 151 + 475 * shot.number + shot.person
        box = 0 if shot.split == "query" else 1 + shot.number % 4  # queries were drawn by hand, number 00
        return f"{FOLDERS[shot.split]}/{person}_c{shot.camera + 1}s{sequence}_{frame:06d}_{box:02d}.jpg"


class DukeMTMCLayout(_NamedImages):
    """bounding_box_train/0005_c2_f0046985.jpg: person, camera, frame."""

    folder = "DukeMTMC-reID"

    def path(self, shot: Shot) -> str:
        frame = 44001 + 1361 * shot.number
        return f"{FOLDERS[shot.split]}/{shot.person + 1:04d}_c{shot.camera + 1}_f{frame:07d}.jpg"


class CUHK03NPLayout(_NamedImages):
    """detected/bounding_box_train/0001_c1_22.png, the new protocol's folders: person, camera, number of the image."""

    folder = "cuhk03-np/detected"

    def path(self, shot: Shot) -> str:
        return f"{FOLDERS[shot.split]}/{shot.person + 1:04d}_c{shot.camera + 1}_{shot.number + 1}.png"


class MSMT17Layout:
    """train/0000/0000_000_01_0303morning_0008_0.jpg: person, image, camera, day and time, frame, part.

    People are counted from 0 in train and again from 0 in test; those of validation, which no list names, go on after all of
    these. A line of a list file is the path inside train or test, a blank and the person.
    """

    folder = "MSMT17_V1"
    train_folder = "train"
    val_images = 1
    extras: dict[str, str] = {}
    splits = ("train", "val", "query", "gallery")

    def path(self, shot: Shot) -> str:
        if shot.split == "validation":
            return f"{VALIDATION}/{Path(self._listed(shot)).name}"
        return f"{'train' if shot.split in ('train', 'val') else 'test'}/{self._listed(shot)}"

    def lists(self, shots: list[Shot]) -> dict[str, str]:
        return {
            f"list_{split}.txt": "".join(
                f"{self._listed(shot)} {shot.label}\n" for shot in shots if shot.split == split
            )
            for split in self.splits
        }

    def seen(self, file_name: str) -> tuple[int, int]:
        person, _, camera = file_name.split("_")[:3]
        return int(person), int(camera) - 1

    def _listed(self, shot: Shot) -> str:
        day, frame = 301 + shot.number % 4, 8 + 31 * shot.number
        name = f"{shot.label:04d}_{shot.number:03d}_{shot.camera + 1:02d}_{day:04d}{shot.time}_{frame:04d}_0.jpg"
        return f"{shot.label:04d}/{name}"
