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
    images, what, *_ = probe.images_of(folder, encoder)
    assert what == "4 images in photos" and images.shape == (4, 3, *encoder.input_size)
    assert torch.equal(images[0], encoder.transform(Image.open(folder / "a.png")))


def test_of_a_large_folder_some_are_taken_at_equal_distances(encoder, folder, monkeypatch):
    monkeypatch.setattr(probe, "MOST", 2)
    images, what, *_ = probe.images_of(folder, encoder)
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


def people_in(folder, *names):
    return probe.people_of([folder / name for name in names], folder)


def test_people_are_those_that_names_or_folders_tell(folder):
    identities, cameras = people_in(
        folder, "0002_c1s1_000451_03.jpg", "0002_c3s1_000451_03.jpg", "0007_c1s1_000451_03.jpg"
    )
    assert identities.tolist() == [0, 0, 1] and cameras.tolist() == [0, 2, 0]
    assert people_in(folder, "0000_000_01_0303morning_0008_0.jpg", "0000_001_02_0303morning_0008_0.jpg") is not None
    identities, cameras = people_in(folder, "anna/1.jpg", "anna/2.jpg", "ben/cam4_1.jpg")
    assert identities.tolist() == [0, 0, 1] and cameras.tolist() == [-1, -1, 4]
    assert people_in(folder, "a.jpg", "b.jpg") is None
    assert people_in(folder, "0002_c1s1_000451_03.jpg", "0002_c1s1_000452_03.jpg") is None, "by one camera"


def test_every_second_image_calibrates(encoder, folder):
    Image.new("RGB", (9, 9)).save(folder / "e.jpg")
    Image.new("RGB", (9, 9)).save(folder / "f.jpg")
    calibration, others = probe.calibration_of(folder, encoder)
    assert len(calibration) == len(others.photos) == 3
    assert not any(torch.equal(a, b) for a in calibration for b in others.images[:1])
