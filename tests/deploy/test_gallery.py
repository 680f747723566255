import os
import shutil

import numpy as np
import pytest

from dcac_fastreid.deploy.feature_folder import extract_folder, read_feature_folder
from dcac_fastreid.deploy.gallery import Gallery, check_same_encoder
from dcac_fastreid.errors import InputError

ENCODER = {"checkpoint": "a.pth", "sha256": "abcdef0123", "config_sha256": "1"}


@pytest.fixture
def small_index(extract, index, tmp_path):
    """An index of photos/, four copies."""
    (tmp_path / "photos").mkdir()
    for photo in Gallery(index).photos[:4]:
        shutil.copy(photo, tmp_path / "photos")
    extract_folder(extract, tmp_path / "photos", tmp_path / "index")
    return tmp_path / "index"


def test_the_nearest_are_those_of_a_full_sort(index):
    gallery, features = Gallery(index), read_feature_folder(index).features
    similarities, numbers = gallery.nearest(features[3:6], 5)
    cosines = features[3:6] @ features.T
    assert numbers.tolist() == np.argsort(-cosines, axis=1)[:, :5].tolist() and numbers[:, 0].tolist() == [3, 4, 5]
    np.testing.assert_allclose(similarities, -np.sort(-cosines, axis=1)[:, :5], atol=1e-6)


def test_of_fewer_photos_all_are_listed(small_index):
    gallery = Gallery(small_index)
    assert len(gallery) == 4 and gallery.nearest(np.eye(128, dtype=np.float32)[:1], 10)[1].shape == (1, 4)


def test_photos_that_are_gone_or_have_changed_are_left_out(small_index):
    first, second, third, fourth = Gallery(small_index).photos
    first.unlink()
    third.write_bytes(third.read_bytes() + b" ")
    gallery = Gallery(small_index)
    assert gallery.photos == [second, fourth] and (gallery.gone, gallery.changed) == ([first], [third])
    similarities, numbers = gallery.nearest(read_feature_folder(small_index).features[[1, 3]], 1)
    assert numbers.tolist() == [[0], [1]], "the features of the photos that are left"
    np.testing.assert_allclose(similarities, 1, atol=1e-5)


def test_a_copy_of_the_same_content_has_not_changed(small_index):
    for photo in Gallery(small_index).photos:
        os.utime(photo, ns=(0, 0))
    gallery = Gallery(small_index)
    assert len(gallery) == 4 and not gallery.changed and not gallery.added


def test_photos_that_came_later_are_told(small_index):
    new = Gallery(small_index).photos[0].with_name("new.jpg")
    shutil.copy(Gallery(small_index).photos[0], new)
    assert Gallery(small_index).added == [new]


def test_an_index_whose_photos_have_moved_is_one_sentence(small_index):
    shutil.move(small_index.parent / "photos", small_index.parent / "elsewhere")
    with pytest.raises(
        InputError,
        match="of the index .*, 4 are gone from .*photos and 0 .*; make the index anew, where they lie now",
    ):
        Gallery(small_index)


def test_another_encoder_is_refused_and_another_name_is_not():
    check_same_encoder(ENCODER, {**ENCODER, "checkpoint": "renamed.pth"}, "the index x", "make it anew")
    for other in ({"sha256": "99"}, {"config_sha256": "2"}):
        with pytest.raises(InputError, match=r"^the index x was made with a.pth \(sha256 abcdef01\)"):
            check_same_encoder(ENCODER, {**ENCODER, **other}, "the index x", "make it anew")
