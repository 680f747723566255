"""One bad input: what is run on it, and what must be made before."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def nothing(ground: Ground) -> None:
    pass


@dataclass(frozen=True)
class Ground:
    """What all cases share and none may change, and the folder that is a case's own; the working directory is `own`."""

    shared: Path
    own: Path

    @property
    def data_root(self) -> Path:
        """A small synthetic data set in the layouts of the public ones: a data root."""
        return self.shared / "data_root"

    @property
    def run(self) -> Path:
        """The folder of a finished training of the baseline."""
        return self.shared / "run"

    @property
    def dcac(self) -> Path:
        """Of DCAC."""
        return self.shared / "dcac"

    @property
    def photos(self) -> Path:
        """gallery/, query.jpg, and people/ with a folder for each of them."""
        return self.shared / "photos"

    @property
    def index(self) -> Path:
        """Of the gallery, calibrated."""
        return self.shared / "index"


@dataclass(frozen=True)
class Case:
    """words: a tool's name without ".py" and its arguments, or "-m" and those of `python -m dcac_fastreid`; "{run}" and the
    like stand for the paths of Ground. call: instead of them, a function of the public API.
    """

    group: str
    name: str
    words: tuple[str, ...] = ()
    arrange: Callable[[Ground], None] = nothing
    call: Callable[[Ground], object] | None = None

    def command(self, ground: Ground) -> list[str]:
        places = {name: str(getattr(ground, name)) for name in ("data_root", "run", "dcac", "photos", "index", "own")}
        return [_filled(word, places) for word in self.words]


def _filled(word: str, places: dict[str, str]) -> str:
    for name, path in places.items():  # not str.format: values may have braces
        word = word.replace(f"{{{name}}}", path)
    return word


def sample(cases: Iterable[Case], count: int, seed: int) -> list[Case]:
    """So many of the cases, as evenly over the groups as these are large enough; the same for the same seed."""
    draw = random.Random(seed)
    groups: dict[str, list[Case]] = {}
    for case in cases:
        groups.setdefault(case.group, []).append(case)
    for members in groups.values():
        draw.shuffle(members)
    chosen: list[Case] = []
    while len(chosen) < count and any(groups.values()):
        chosen += [members.pop() for members in groups.values() if members]
    return chosen[:count]
