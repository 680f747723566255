"""Draws the synthetic world: all pictures of all domains, from one seed, into the real data sets' layouts."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from dcac_fastreid.synthetic.build_once import build_once
from dcac_fastreid.synthetic.cameras import TIMES, Camera, new_camera
from dcac_fastreid.synthetic.domains import DEFAULT_COUNTS, DOMAINS, Counts
from dcac_fastreid.synthetic.layouts import Layout, Shot
from dcac_fastreid.synthetic.people import Person, new_person
from dcac_fastreid.synthetic.picture import take_picture

VERSION = 2  # raise it whenever a picture or a list changes, so that an old cache is not taken for the new world

# What a random stream is for. Every person, camera, plan and picture has a stream of its own, so that a picture
# depends neither on the process that draws it nor on what was drawn before.
PERSON, CAMERA, PLAN, PICTURE = range(4)


def world_path(cache_folder: Path, seed: int) -> Path:
    """Where the world of `seed` lies in a cache folder; another place for another version of the drawer."""
    return cache_folder / f"world-v{VERSION}-seed{seed}"


def cached_world(cache_folder: Path, seed: int) -> Path:
    """The folder of the world of `seed`, drawn on first use."""
    return build_once(world_path(cache_folder, seed), partial(draw_world, seed=seed))


def draw_world(
    root: Path,
    seed: int,
    counts: Counts = DEFAULT_COUNTS,
    domains: Sequence[str] = tuple(DOMAINS),
    workers: int = 2,
) -> None:
    """Draws the domains into the folder `root`: the same files to the byte for the same seed, however many workers.

    Raises: ValueError: a negative seed; too few gallery pictures for every query to have a match from another camera.
    """
    if seed < 0:
        raise ValueError(f"the world's seed is {seed}, expected a whole number from 0 upwards")
    if counts.gallery < 2:
        raise ValueError(f"a query needs at least 2 gallery pictures of its identity, got {counts.gallery}")
    work = []
    for name in domains:
        shots = plan(name, seed, counts)
        _prepare_folders(root, DOMAINS[name].layout, shots)
        for person in range(counts.train_ids + counts.test_ids):
            work.append((name, person, [shot for shot in shots if shot.person == person]))
    pictures = sum(len(shots) for _, _, shots in work)
    with _workers(workers) as run, tqdm(total=pictures, desc="drawing the world", unit="picture", disable=None) as bar:
        for drawn in run(partial(_draw_person, root, seed), work):
            bar.update(drawn)


def plan(name: str, seed: int, counts: Counts) -> list[Shot]:
    """Every picture of the domain: who is seen where and when."""
    domain, shots = DOMAINS[name], []
    for person in range(counts.train_ids + counts.test_ids):
        rng = np.random.default_rng((seed, domain.number, PLAN, person))
        seen = rng.permutation(domain.cameras)[: rng.integers(domain.seen_by[0], domain.seen_by[1] + 1)]
        trains = person < counts.train_ids
        splits = ["train"] * counts.train_images + ["val"] * domain.layout.val_images
        if not trains:
            # Cameras take turns, so that the gallery has this person from at least two cameras.
            splits = ["query"] * counts.queries + ["gallery"] * counts.gallery
        label = person if trains else person - counts.train_ids
        for number, split in enumerate(splits):
            time = list(TIMES)[rng.integers(len(TIMES))]
            shots.append(Shot(split, person, label, int(seen[number % len(seen)]), number, time))
    return shots


def person_of(name: str, seed: int, number: int) -> Person:
    """Who person `number` of the domain is."""
    domain = DOMAINS[name]
    return new_person(np.random.default_rng((seed, domain.number, PERSON, number)), domain.wardrobe)


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
    # fork: a spawned worker would first import torch, which takes longer than its share of the drawing. The workers
    # only draw and write files; they touch neither torch nor the GPU.
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    with ProcessPoolExecutor(number, context) as pool:
        yield partial(pool.map, chunksize=4)


def _draw_person(root: Path, seed: int, work: tuple[str, int, list[Shot]]) -> int:
    name, number, shots = work
    domain = DOMAINS[name]
    person = person_of(name, seed, number)
    for shot in shots:
        rng = np.random.default_rng((seed, domain.number, PICTURE, number, shot.number))
        camera = _camera(name, seed, shot.camera)
        picture = take_picture(person, camera, shot.time, domain.wardrobe, domain.format, rng)
        picture.save(root / domain.layout.folder / domain.layout.path(shot), quality=90)
    return len(shots)


@cache
def _camera(name: str, seed: int, number: int) -> Camera:
    return new_camera(np.random.default_rng((seed, DOMAINS[name].number, CAMERA, number)), DOMAINS[name].style)
