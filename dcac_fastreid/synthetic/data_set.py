"""Makes the synthetic data set: all images of all domains, from one seed, into the real data sets' layouts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from dcac_fastreid.errors import InputError
from dcac_fastreid.helper_processes import pool
from dcac_fastreid.synthetic import boxes
from dcac_fastreid.synthetic.build_once import build_once
from dcac_fastreid.synthetic.cameras import Camera, adjusted, new_camera
from dcac_fastreid.synthetic.difficulty import PRESETS, Difficulty, preset_name
from dcac_fastreid.synthetic.domains import DOMAINS, Counts
from dcac_fastreid.synthetic.image import render_image
from dcac_fastreid.synthetic.layouts import Layout, Shot
from dcac_fastreid.synthetic.people import Person, dressed_like, new_person
from dcac_fastreid.synthetic.plan import plan, summary
from dcac_fastreid.synthetic.streams import CAMERA, IMAGE, PERSON, stream

VERSION = 6  # raise it whenever an image or a list changes, so that an old cache is not taken for a new data set
MARK = "drawn-world.json"  # in the data root: what was made; a data root without it is real or unfinished


def data_set_path(cache_folder: Path, seed: int, difficulty: str) -> Path:
    """Where a data set lies in a cache folder; another place for another version of the generator."""
    return cache_folder / f"world-v{VERSION}-seed{seed}-{difficulty}"


def cached_data_set(cache_folder: Path, seed: int, difficulty: str = "default") -> Path:
    """The folder of the data set of `seed` and a preset of difficulty, made on first use."""
    make = partial(make_data_set, seed=seed, difficulty=PRESETS[difficulty])
    return build_once(data_set_path(cache_folder, seed, difficulty), make)


def make_data_set(
    root: Path,
    seed: int,
    difficulty: Difficulty = PRESETS["default"],
    counts: Counts | None = None,
    domains: Sequence[str] = tuple(DOMAINS),
    workers: int = 2,
) -> None:
    """Makes the domains in the folder `root`: the same files to the byte for the same seed, however many workers.

    The last file written is `drawn-world.json`, which tells what the data set is.

    Args:
        counts: of every domain; None for the domains' own, which differ.
    Raises: InputError: a negative seed. ValueError: see plan.
    """
    if seed < 0:
        raise InputError(f"the synthetic data set's seed is {seed}, expected a whole number from 0 upwards")
    plans = {name: plan(name, seed, counts) for name in domains}
    work = []
    for name, shots in plans.items():
        _prepare_folders(root, DOMAINS[name].layout, shots)
        people: dict[int, list[Shot]] = {}
        for shot in shots:
            people.setdefault(shot.person, []).append(shot)
        work += [(name, shots) for shots in people.values()]
    images = sum(len(shots) for _, shots in work)
    with (
        _workers(workers) as run,
        tqdm(total=images, desc="making the synthetic data set", unit="image", disable=None) as bar,
    ):
        for made in run(partial(_render, root, seed, difficulty), work):
            bar.update(made)
    mark = {
        "version": VERSION,
        "seed": seed,
        "difficulty": preset_name(difficulty),
        "factors": asdict(difficulty),
        "domains": {name: summary(shots) for name, shots in plans.items()},
    }
    (root / MARK).write_text(json.dumps(mark, indent=2) + "\n")


def person_of(name: str, seed: int, number: int, difficulty: Difficulty = PRESETS["default"]) -> Person:
    """Who person `number` of the domain is."""
    domain = DOMAINS[name]
    rng = stream(seed, domain.number, PERSON, number)
    person = new_person(rng, domain.wardrobe)
    # Look-alikes come in pairs of neighbours, so the clothes of at most two people are alike.
    if number % 2 and rng.random() < domain.wardrobe.look_alikes * difficulty.look_alikes:
        return dressed_like(person, person_of(name, seed, number - 1, difficulty))
    return person


def image_of(name: str, seed: int, shot: Shot, difficulty: Difficulty = PRESETS["default"]) -> Image.Image:
    domain = DOMAINS[name]
    rng = stream(seed, domain.number, IMAGE, shot.person, shot.number)
    camera = _camera(name, seed, shot.camera, difficulty)
    if shot.split == "distractors":
        person = new_person(rng, domain.wardrobe) if rng.random() < 0.5 else None
    else:
        person = person_of(name, seed, shot.person, difficulty)
    box = boxes.junk if shot.split == "junk" else boxes.detected
    return render_image(person, camera, shot.time, domain.wardrobe, domain.format, rng, box)


@cache
def _camera(name: str, seed: int, number: int, difficulty: Difficulty) -> Camera:
    domain = DOMAINS[name]
    return new_camera(stream(seed, domain.number, CAMERA, number), adjusted(domain.style, difficulty))


def _render(root: Path, seed: int, difficulty: Difficulty, work: tuple[str, list[Shot]]) -> int:
    name, shots = work
    layout = DOMAINS[name].layout
    for shot in shots:
        image_of(name, seed, shot, difficulty).save(root / layout.folder / layout.path(shot), quality=90)
    return len(shots)


def _prepare_folders(root: Path, layout: Layout, shots: list[Shot]) -> None:
    for folder in sorted({(root / layout.folder / layout.path(shot)).parent for shot in shots}):
        folder.mkdir(parents=True, exist_ok=True)
    for name, text in layout.lists(shots).items():
        (root / layout.folder / name).write_text(text)


@contextmanager
def _workers(number: int) -> Iterator[Callable]:
    """A `map` that runs in `number` processes; in this one if it is 1."""
    if number == 1:
        yield map
        return
    with pool(number) as processes:
        yield partial(processes.map, chunksize=4)
