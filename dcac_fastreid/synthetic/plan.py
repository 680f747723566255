"""Which images a domain has: who is seen where and when."""

from __future__ import annotations

import numpy as np

from dcac_fastreid.synthetic.domains import DOMAINS, Counts
from dcac_fastreid.synthetic.layouts import NOBODY, Shot
from dcac_fastreid.synthetic.sensor import TIMES
from dcac_fastreid.synthetic.streams import PLAN, stream


def plan(name: str, seed: int, counts: Counts | None = None) -> list[Shot]:
    """Every image of the domain; counts: None for the domain's own.

    Raises: ValueError: too few gallery images for every query to have a match from another camera.
    """
    domain, shots = DOMAINS[name], []
    counts = counts or domain.counts
    if counts.gallery < 2:
        raise ValueError(f"a query needs at least 2 gallery images of its identity, got {counts.gallery}")
    train = ["train"] * counts.train_images + ["val"] * domain.layout.val_images
    test = ["query"] * counts.queries + ["gallery"] * counts.gallery + ["junk"] * round(domain.junk * counts.gallery)
    validation = ["validation"] * counts.validation_images
    # In this order, so that the training people stay who they are, whatever the numbers of the others.
    numbers = (counts.train_ids, train), (counts.test_ids, test), (counts.validation_ids, validation)
    splits_of = [splits for number, splits in numbers for _ in range(number)]
    for person, splits in enumerate(splits_of):
        rng = stream(seed, domain.number, PLAN, person)
        # The cameras take turns, so that the gallery has every test person from at least two.
        seen = rng.permutation(domain.cameras)[: rng.integers(domain.seen_by[0], domain.seen_by[1] + 1)]
        label = person - counts.train_ids if splits is test else person
        for number, split in enumerate(splits):
            shots.append(Shot(split, person, label, int(seen[number % len(seen)]), number, _time(rng)))
    people = len(splits_of)
    rng = stream(seed, domain.number, PLAN, people)
    for number in range(round(domain.distractors * counts.test_ids * counts.gallery)):
        camera = int(rng.integers(domain.cameras))
        shots.append(Shot("distractors", people, NOBODY, camera, number, _time(rng)))
    return shots


def summary(shots: list[Shot]) -> dict[str, dict[str, int]]:
    """Numbers of identities and of images of every split; distractors have no identity."""
    return {
        split: {
            "identities": len({shot.label for shot in shots if shot.split == split} - {NOBODY}),
            "images": sum(shot.split == split for shot in shots),
        }
        for split in dict.fromkeys(shot.split for shot in shots)
    }


def _time(rng: np.random.Generator) -> str:
    return list(TIMES)[rng.integers(len(TIMES))]
