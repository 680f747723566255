import pytest
from PIL import Image

from dcac_fastreid.deploy.search.crop import hint, why_no_crop


@pytest.mark.parametrize(
    ("size", "why"),
    [
        ((64, 128), ""),
        ((128, 128), ""),
        ((540, 1080), ""),
        ((129, 128), "is wider than tall (129 x 128)"),
        ((1920, 1080), "is wider than tall (1920 x 1080)"),
        ((1080, 1920), "is far larger than a crop of a person (1080 x 1920)"),
    ],
)
def test_what_clearly_is_no_crop(size, why, tmp_path):
    Image.new("RGB", size).save(tmp_path / "photo.png")
    assert why_no_crop(tmp_path / "photo.png") == why
    assert bool(hint(tmp_path / "photo.png")) == bool(why)


def test_a_photo_is_looked_at_as_it_is_turned(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    Image.new("RGB", (64, 128)).save(tmp_path / "photo.jpg", exif=exif)
    assert why_no_crop(tmp_path / "photo.jpg") == "is wider than tall (128 x 64)"
