import zlib

import numpy as np
import pytest
from PIL import Image

from dcac_fastreid.deploy.search.known_people import people_in_folder, people_of_dataset
from dcac_fastreid.errors import InputError


@pytest.fixture
def draw(tmp_path):
    """draw(name, look): a picture; the same look is nearly the same picture."""

    def draw(name, look=None):
        seed = zlib.crc32(name.encode()) if look is None else look
        small = np.random.default_rng(seed).integers(0, 255, (10, 10, 3), dtype=np.uint8)
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(small).resize((32, 64), Image.Resampling.BICUBIC).save(tmp_path / name)

    return draw


def test_persons_and_cameras_of_a_folder(draw, tmp_path):
    for place, name in enumerate(("ann/cam1_a.png", "ann/cam2_b.png", "bob/cam1_c.png", "bob/cam1_d.png")):
        draw(f"people/{name}", place)
    people = people_in_folder(tmp_path / "people")
    assert people.name == "people" and people.cameras_known
    assert [path.name for path in people.paths] == ["cam1_a.png", "cam2_b.png", "cam1_c.png", "cam1_d.png"]
    assert people.persons.tolist() == [0, 0, 1, 1] and people.places.tolist() == [0, 1, 0, 0]


def test_without_cameras_near_duplicates_are_one_place(draw, tmp_path):
    """Neighbouring frames of a video say nothing about how alike a person's pictures are elsewhere."""
    for name, look in (("ann/a.png", 1), ("ann/b.png", 1), ("ann/c.png", 2), ("bob/d.png", 3)):
        draw(f"people/{name}", look)
    people = people_in_folder(tmp_path / "people")
    assert not people.cameras_known
    assert people.places[0] == people.places[1] and len(set(people.places.tolist())) == 3


def test_a_data_set_gives_query_and_gallery_without_distractors(tiny_world):
    people = people_of_dataset("DG_Market1501", str(tiny_world))
    assert len(people.paths) == 30 and len(set(people.persons.tolist())) == 6 and people.cameras_known
    assert {path.parent.name for path in people.paths} == {"query", "bounding_box_test"}
    assert not [path for path in people.paths if path.name.startswith(("0000", "-1"))]
    for path, person, place in zip(people.paths, people.persons, people.places, strict=True):
        same = (people.persons == person) & (people.places == place)
        assert all(people.paths[other].name[:7] == path.name[:7] for other in np.flatnonzero(same))


def test_unreadable_pictures_are_left_out_if_asked(draw, tmp_path):
    for name in ("ann/a.png", "bob/b.png"):
        draw(f"people/{name}")
    (tmp_path / "people" / "bob" / "broken.png").touch()
    with pytest.raises(InputError, match="1 of 3 images cannot be read: .*broken.png"):
        people_in_folder(tmp_path / "people")
    assert len(people_in_folder(tmp_path / "people", skip_unreadable=True).paths) == 2


def test_what_holds_no_known_people_is_one_sentence(tiny_world, tmp_path):
    with pytest.raises(InputError, match="there is no folder .*none; expected a folder with one for each person"):
        people_in_folder(tmp_path / "none")
    with pytest.raises(InputError, match="there is no data set 'Market'; known are DG_Market1501, "):
        people_of_dataset("Market", str(tiny_world))
    with pytest.raises(InputError, match="DG_Market1501 is not complete"):
        people_of_dataset("DG_Market1501", str(tmp_path))
