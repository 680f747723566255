"""The sheet of the synthetic data set's images."""

import numpy as np

from dcac_fastreid.synthetic.domains import DOMAINS
from dcac_fastreid.synthetic.plan import plan
from dcac_fastreid.synthetic.sheet import CELL, HEADING, LABEL, PAPER, sheet


def test_sheet_shows_one_image_per_person_and_camera_and_then_the_extras(small_data, small_counts):
    page = np.asarray(sheet(small_data, rows=4))
    expected = 0
    for name in DOMAINS:
        extras = len(DOMAINS[name].layout.extras)
        shots = plan(name, 3, small_counts)
        seen = {(shot.person, shot.camera) for shot in shots if shot.split in ("train", "val")}
        expected += sum(person < 4 - extras for person, _ in seen)
        expected += sum(
            len({shot.camera for shot in shots if shot.split == split}) for split in DOMAINS[name].layout.extras
        )
    shelf = HEADING + 4 * CELL[1]
    # Market, Duke and CUHK03 beside each other (16 cameras), MSMT17 below.
    assert page.shape == (2 * shelf, 3 * LABEL + 16 * CELL[0], 3)
    starts = {0: [0, LABEL + 6 * CELL[0], 2 * LABEL + 14 * CELL[0]], 1: [0]}
    cameras = {0: [6, 8, 2], 1: [15]}
    corners = [
        page[number * shelf + HEADING + row * CELL[1] + 5, start + LABEL + column * CELL[0] + 5]
        for number in starts
        for start, columns in zip(starts[number], cameras[number], strict=True)
        for column in range(columns)
        for row in range(4)
    ]
    assert sum(tuple(corner) != PAPER for corner in corners) == expected
