"""Images as fast-reid's data sets deliver them."""

import numpy as np
import pytest
from PIL import Image

from dcac_fastreid.compat import images
from dcac_fastreid.data.images import read_image_of_run
from dcac_fastreid.errors import InputError
from fastreid.data import common, data_utils


@pytest.fixture
def deliver(tmp_path):
    """What fast-reid's data set delivers of a file."""
    return lambda name: common.CommDataset([(str(tmp_path / name), "own_1", "own_0")])[0]["images"]


def test_fast_reid_fails_at_16_bits(tmp_path, monkeypatch, deliver):
    Image.fromarray(np.full((8, 4), 200 << 8, dtype=np.uint16)).save(tmp_path / "a.png")
    monkeypatch.setattr(common, "read_image", data_utils.read_image)
    with pytest.raises(TypeError, match="Cannot handle this data type"):
        deliver("a.png")
    images.read_any_image()
    assert (np.asarray(deliver("a.png")) == 200).all() and deliver("a.png").mode == "RGB"


def test_fast_reid_does_not_name_a_damaged_file(tmp_path, monkeypatch, deliver):
    Image.new("RGB", (64, 128)).save(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:700])
    monkeypatch.setattr(common, "read_image", data_utils.read_image)
    with pytest.raises(OSError) as error:
        deliver("a.jpg")
    assert "a.jpg" not in str(error.value)
    images.read_any_image()
    with pytest.raises(
        InputError, match="a.jpg cannot be read as an image.*, or leave it out by DATALOADER.SKIP_CORRUPT True$"
    ):
        deliver("a.jpg")


def test_importing_the_package_is_enough():
    assert common.read_image is read_image_of_run
