"""Data sets in the folders and under the names of every layout, all images different."""

import numpy as np
import pytest
from PIL import Image

from .layouts import LAYOUTS, listed


@pytest.fixture
def draw_all(tmp_path):
    """draw_all(folder, *names): images of 8 x 4 pixels, no two alike; returns the folder."""
    drawn = np.random.default_rng(0)

    def draw_all(folder, *names):
        for name in names:
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            image = Image.fromarray(drawn.integers(0, 255, (8, 4, 3), dtype=np.uint8))
            image.save(path, format="PNG" if path.suffix == ".png" else "BMP" if path.suffix == ".bmp" else "JPEG")
        return tmp_path / folder

    return draw_all


@pytest.fixture
def lay_out_as(draw_all, tmp_path):
    """lay_out_as(layout): a data set of LAYOUTS below tmp_path/data, that root; returns the data set's folder."""

    def lay_out_as(layout):
        folder, images, *_ = LAYOUTS[layout]
        if isinstance(images, tuple):
            images = listed(tmp_path / "data" / folder, *images)
        return draw_all(f"data/{folder}", *images)

    return lay_out_as
