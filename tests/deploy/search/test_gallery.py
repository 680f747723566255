import os
import shutil

import faiss
import numpy as np
import pytest

from dcac_fastreid.deploy.search.feature_folder import extract_folder, read_feature_folder
from dcac_fastreid.deploy.search.gallery import Gallery, check_same_encoder
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
    found = np.array(gallery.nearest(features[3:6], 5))  # (3, 5, 2)
    cosines = features[3:6] @ features.T
    assert found[..., 0].tolist() == np.argsort(-cosines, axis=1)[:, :5].tolist() and found[:, 0, 0].tolist() == [
        3,
        4,
        5,
    ]
    np.testing.assert_allclose(found[..., 1], -np.sort(-cosines, axis=1)[:, :5], atol=1e-6)


def test_of_fewer_photos_all_are_listed(small_index):
    gallery = Gallery(small_index)
    for k in (4, 10, 10**12):
        (found,) = gallery.nearest(np.eye(128, dtype=np.float32)[:1], k)
        assert sorted(number for number, _ in found) == [0, 1, 2, 3]


def test_an_index_that_finds_fewer_lists_those(small_index):
    """An approximate index looks into some of its cells alone, and fills up with the number -1: the last photo, to Python."""
    gallery, features = Gallery(small_index), read_feature_folder(small_index).features
    approximate = faiss.IndexIVFFlat(faiss.IndexFlatIP(128), 128, 4, faiss.METRIC_INNER_PRODUCT)
    approximate.train(features)
    approximate.add(features)
    gallery._index = approximate  # it looks into one of four cells
    for own, found in enumerate(gallery.nearest(features, 4)):
        numbers = [number for number, _ in found]
        assert numbers[0] == own and len(numbers) < 4 and min(numbers) >= 0
        np.testing.assert_allclose(
            [similarity for _, similarity in found], features[numbers] @ features[own], atol=1e-5
        )


@pytest.mark.parametrize("k", [0, -1, 2.0, True, None, "3", float("nan")])
def test_a_number_of_photos_is_a_whole_number(k, small_index):
    with pytest.raises(
        InputError, match="^the number of photos that are asked for is .*; expected a whole number of 1 or"
    ):
        Gallery(small_index).nearest(np.eye(128, dtype=np.float32)[:1], k)


@pytest.mark.parametrize(
    "features", [np.full((1, 128), np.nan), np.full((1, 128), np.inf), np.ones((1, 64)), np.ones(128)]
)
def test_features_of_another_kind_are_not_searched_for(features, small_index):
    with pytest.raises(InputError, match="^the features to search for are of .*; expected rows of 128 finite numbers"):
        Gallery(small_index).nearest(features, 2)


def test_photos_that_are_gone_or_have_changed_are_left_out(small_index):
    first, second, third, fourth = Gallery(small_index).photos
    first.unlink()
    third.write_bytes(third.read_bytes() + b" ")
    gallery = Gallery(small_index)
    assert gallery.photos == [second, fourth] and (gallery.gone, gallery.changed) == ([first], [third])
    found = gallery.nearest(read_feature_folder(small_index).features[[1, 3]], 1)
    assert [row[0][0] for row in found] == [0, 1], "the features of the photos that are left"
    np.testing.assert_allclose([row[0][1] for row in found], 1, atol=1e-5)


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
        match="of the index .*, 4 are gone from .*photos and 0 .*; make the index again, .*: dcac-fastreid search index",
    ):
        Gallery(small_index)


def test_another_encoder_is_refused_and_another_name_is_not():
    check_same_encoder(ENCODER, {**ENCODER, "checkpoint": "renamed.pth"}, "the index x", "make it again")
    for other in ({"sha256": "99"}, {"config_sha256": "2"}):
        with pytest.raises(InputError, match=r"^the index x was made with a.pth \(sha256 abcdef01\)"):
            check_same_encoder(ENCODER, {**ENCODER, **other}, "the index x", "make it again")
