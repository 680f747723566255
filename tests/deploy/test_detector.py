"""A real detector of torchvision's, with weights that make it find people at places that are known (conftest)."""

import numpy as np
import pytest
from PIL import Image

from dcac_fastreid import data
from dcac_fastreid.deploy.detector import LONGEST_SIDE, Person, PersonDetector
from dcac_fastreid.errors import InputError


@pytest.fixture(scope="module")
def detector(detector_weights):
    return PersonDetector(detector_weights, "cpu")


def photo(width: int, height: int) -> Image.Image:
    pixels = np.random.default_rng(0).integers(100, 256, (height // 10 + 1, width // 10 + 1, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((width, height))


@pytest.mark.parametrize("size", [(640, 480), (480, 640), (1920, 1080), (LONGEST_SIDE + 904, 3000)])
def test_people_are_told_in_pixels_of_the_photo_the_largest_first(detector, size):
    width, height = size
    people = detector(photo(*size))
    expected = [(0.1, 0.2, 0.4, 0.9), (0.75, 0.5, 1, 1)]
    assert len(people) == 2 and people[0].area > people[1].area
    for person, (left, top, right, bottom) in zip(people, expected, strict=True):
        near = width / 300 + 1
        assert person.box == pytest.approx((left * width, top * height, right * width, bottom * height), abs=near)
        assert 0.5 <= person.score <= 1
    assert people[1].box[2:] == size  # cut at the edges


def test_nobody_on_a_black_photo(detector):
    assert detector(Image.new("RGB", (640, 480))) == []


def test_the_threshold_counts_and_other_categories_do_not(detector_weights):
    unsure = PersonDetector(detector_weights, "cpu", threshold=0.3)(Image.new("RGB", (640, 480)))
    assert len(unsure) == 1 and unsure[0].score == pytest.approx(0.4, abs=0.01)
    assert unsure[0].box == pytest.approx((320, 48, 384, 144), abs=2)


@pytest.mark.parametrize("size", [(1, 1), (15, 800), (60_000, 16), (16, 60_000)])
def test_a_photo_too_thin_for_people_shows_nobody(detector, size):
    assert detector(Image.new("RGB", size, "white")) == []


def test_a_thin_photo_can_be_looked_at(detector):
    assert len(detector(photo(LONGEST_SIDE, 16))) == 2


def test_a_photo_is_seen_as_it_is_turned(detector, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    photo(640, 480).save(tmp_path / "turned.jpg", exif=exif)
    person, _ = detector(data.read_image(str(tmp_path / "turned.jpg")))
    assert person.box == pytest.approx((48, 128, 192, 576), abs=3)


def test_a_crop_has_the_pixels_of_the_box(detector):
    whole = photo(640, 480)
    left, top, right, bottom = (person := detector(whole)[0]).box
    assert np.array_equal(np.array(person.crop(whole)), np.array(whole)[top:bottom, left:right])
    assert Person((0, 0, 2, 3), 1.0).crop(whole).size == (2, 3)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"threshold": 1}, "the detector's threshold is 1; expected a number above 0 and below 1"),
        ({"device": "abacus"}, "the device is 'abacus'; expected cuda or cpu"),
        ({"weights": ""}, "the detector is an empty name"),
    ],
)
def test_what_cannot_be_is_told(detector_weights, given, sentence):
    with pytest.raises(InputError, match=sentence):
        PersonDetector(**{"weights": detector_weights, **given})
