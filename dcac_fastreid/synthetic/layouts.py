"""How a domain's pictures are named and listed on disk, as in the real data sets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from dcac_fastreid.synthetic.cameras import TIMES


@dataclass(frozen=True)
class Shot:
    """One picture to be taken."""

    split: str  # train, val, query, gallery
    person: int  # unique within the domain: training people first
    label: int  # the person's number among the training people or among the test people
    camera: int  # from 0
    number: int  # of the picture among the person's pictures
    time: str  # of day; see cameras.TIMES


class Layout(Protocol):
    folder: str
    train_folder: str
    val_images: int  # per training identity, besides the training pictures

    def path(self, shot: Shot) -> str:
        """Path of the shot's picture inside `folder`, with slashes."""

    def lists(self, shots: list[Shot]) -> dict[str, str]:
        """Names and contents of the list files inside `folder`."""

    def seen(self, file_name: str) -> tuple[int, int]:
        """Person and camera (from 0) that a file name tells."""


class Market1501Layout:
    """bounding_box_train/0002_c1s1_000451_03.jpg: person, camera and sequence, frame, number of the box."""

    folder = "Market-1501-v15.09.15"
    train_folder = "bounding_box_train"
    val_images = 0
    folders = {"train": "bounding_box_train", "query": "query", "gallery": "bounding_box_test"}

    def path(self, shot: Shot) -> str:
        sequence, frame = 1 + list(TIMES).index(shot.time), 151 + 475 * shot.number
        box = 0 if shot.split == "query" else 1 + shot.number % 4  # queries were drawn by hand, number 00
        name = f"{shot.person + 1:04d}_c{shot.camera + 1}s{sequence}_{frame:06d}_{box:02d}.jpg"
        return f"{self.folders[shot.split]}/{name}"

    def lists(self, shots: list[Shot]) -> dict[str, str]:
        return {}

    def seen(self, file_name: str) -> tuple[int, int]:
        person, camera = file_name.split("_")[:2]
        return int(person), int(camera[1]) - 1


class MSMT17Layout:
    """train/0000/0000_000_01_0303morning_0008_0.jpg: person, picture, camera, day and time, frame, part.

    Persons are counted from 0 in train and again from 0 in test. A line of a list file is the path inside train
    or test, a blank and the person.
    """

    folder = "MSMT17_V1"
    train_folder = "train"
    val_images = 1
    splits = ("train", "val", "query", "gallery")

    def path(self, shot: Shot) -> str:
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
