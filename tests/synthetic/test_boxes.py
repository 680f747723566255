"""How well the boxes fit."""

import numpy as np

from dcac_fastreid.synthetic.boxes import detected, junk

SIZE = (128, 256)


def overlap(box):
    """Of the image and a person 0.42 body heights wide: area of the intersection by area of the union."""
    ((x, y), unit), (w, h) = box, SIZE
    half = 0.21 * unit
    across, up = min(x + half, w) - max(x - half, 0), min(y, h) - max(y - unit, 0)
    shared = max(across, 0) * max(up, 0)
    return shared / (w * h + 2 * half * unit - shared)


def test_a_box_fits_well_unless_it_is_one_of_the_bad_ones():
    rng = np.random.default_rng(0)
    good = [detected(SIZE, 0.0, rng) for _ in range(200)]
    assert min(map(overlap, good)) > 0.5
    assert all(unit < y < SIZE[1] for (_, y), unit in good)  # from head to feet inside
    bad = [detected(SIZE, 1.0, rng) for _ in range(200)]
    assert np.mean([unit < y < SIZE[1] and overlap(((x, y), unit)) > 0.5 for (x, y), unit in bad]) < 0.5


def test_junk_overlaps_with_the_person_by_less_than_half():
    """Market-1501 calls a detection junk whose overlap with the box drawn by hand is below 50 %."""
    rng = np.random.default_rng(0)
    assert max(overlap(junk(SIZE, 0.0, rng)) for _ in range(200)) < 0.5
