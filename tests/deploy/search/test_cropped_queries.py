from pathlib import Path

import pytest
from PIL import Image

from dcac_fastreid.deploy.detector import PersonDetector
from dcac_fastreid.deploy.search.answers import Answer
from dcac_fastreid.deploy.search.cameras_and_times import camera_of
from dcac_fastreid.deploy.search.cropped_queries import as_queries, crop_queries


@pytest.fixture
def photos(tmp_path):
    """A whole photo, an empty one, and a crop, in a camera's folder."""
    folder = tmp_path / "cam7"
    folder.mkdir()
    for name, colour, size in (
        ("street", "white", (640, 480)),
        ("empty", "black", (640, 480)),
        ("crop", "white", (64, 128)),
    ):
        Image.new("RGB", size, colour).save(folder / f"{name}.png")
    return [folder / f"{name}.png" for name in ("street", "empty", "crop")]


def test_each_person_is_a_query_and_a_crop_stays_as_it_is(photos, detector_weights, tmp_path):
    queries, nobody = crop_queries(photos, PersonDetector(detector_weights, "cpu"), tmp_path / "crops")
    assert nobody == [photos[1]]
    assert [query.name for query in queries] == [
        f"{photos[0]}, person 1 of 2", f"{photos[0]}, person 2 of 2", str(photos[2])
    ]  # fmt: skip
    assert queries[2] == as_queries(photos)[2]
    sizes = [Image.open(query.file).size for query in queries]
    assert sizes[0] == pytest.approx((192, 336), abs=2) and sizes[1] == pytest.approx((160, 240), abs=2)
    assert all(camera_of(query.file.as_posix()) == "7" for query in queries)


def test_the_note_takes_the_hints_place(photos, detector_weights, tmp_path):
    queries, _ = crop_queries(photos, PersonDetector(detector_weights, "cpu"), tmp_path / "crops")
    answer = Answer(Path("a.jpg"), [], "Hint: this photo is wider than tall")
    explained = queries[1].explained(answer).hint
    assert explained.startswith("Cut out of the photo at left 4") and "bottom 480 (score " in explained
    assert queries[2].explained(answer) == answer


def test_the_same_name_in_two_folders_is_no_trouble(photos, detector_weights, tmp_path):
    again = photos[0].parent / ".." / "cam7" / photos[0].name
    queries, _ = crop_queries([photos[0], again], PersonDetector(detector_weights, "cpu"), tmp_path / "crops")
    assert len({query.file.resolve() for query in queries}) == 4
    assert all(query.file.resolve().is_relative_to(tmp_path / "crops") for query in queries)
