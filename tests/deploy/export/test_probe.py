import pytest
import torch
from PIL import Image

from dcac_fastreid.deploy.export import probe
from dcac_fastreid.deploy.export.agreement import span
from dcac_fastreid.errors import InputError


@pytest.fixture
def folder(tmp_path):
    """Four images of several sizes, one in a folder below, and a text."""
    (tmp_path / "photos" / "more").mkdir(parents=True)
    for number, name in enumerate(("b.jpg", "a.png", "c.JPG", "more/d.jpg")):
        Image.new("RGB", (30 + number, 50), (60 * number, 100, 200)).save(tmp_path / "photos" / name)
    (tmp_path / "photos" / "notes.txt").write_text("no image")
    return tmp_path / "photos"


def test_smooth_images_are_the_same_everywhere():
    first, again = probe.smooth_images((128, 64)), probe.smooth_images((128, 64))
    assert torch.equal(first.images, again.images) and first.images.shape == (32, 3, 128, 64)
    assert first.images.min() >= 0 and first.images.max() <= 255 and torch.equal(first.images, first.images.round())
    assert first.what == "32 smooth random images (seed 0)"


@torch.no_grad()
def test_smooth_images_are_far_from_one_another(encoder):
    """So that a ranking of them tells something."""
    assert span(encoder.model({"images": probe.smooth_images(encoder.input_size).images})) > 0.5


def test_a_folders_images_are_as_the_encoder_takes_them(encoder, folder):
    images, what = probe.images_of(folder, encoder)
    assert what == "4 images in photos" and images.shape == (4, 3, *encoder.input_size)
    assert torch.equal(images[0], encoder.transform(Image.open(folder / "a.png")))


def test_of_a_large_folder_some_are_taken_at_equal_distances(encoder, folder, monkeypatch):
    monkeypatch.setattr(probe, "MOST", 2)
    images, what = probe.images_of(folder, encoder)
    assert what == "2 of the 4 images in photos"
    assert torch.equal(images[1], encoder.transform(Image.open(folder / "c.JPG")))


def test_a_folder_that_is_no_probe_is_one_sentence(encoder, folder, tmp_path):
    (folder / "c.JPG").write_bytes((folder / "b.jpg").read_bytes()[:300])
    with pytest.raises(InputError, match=r"1 of 4 images cannot be read: .*c\.JPG; take them out of "):
        probe.images_of(folder, encoder)
    with pytest.raises(InputError, match="there is no folder"):
        probe.images_of(tmp_path / "none", encoder)
    with pytest.raises(InputError, match="holds 1 images; a probe needs 3 at least"):
        probe.images_of(folder / "more", encoder)
