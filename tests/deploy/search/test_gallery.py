import os
import re
import shutil

import numpy as np
import pytest

from dcac_fastreid.deploy.search.feature_folder import extract_folder, read_feature_folder
from dcac_fastreid.deploy.search.gallery import Gallery
from dcac_fastreid.deploy.search.index_changes import remove_photos, update_folder
from dcac_fastreid.deploy.search.index_encoder import check_same_encoder
from dcac_fastreid.deploy.search.index_file import write_index_file
from dcac_fastreid.deploy.search.vectors import Where
from dcac_fastreid.errors import InputError

from .libraries import require_milvus

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


def test_each_query_has_its_own_filter(index):
    gallery, features = Gallery(index), read_feature_folder(index).features
    cameras = np.array(gallery.cameras)
    assert len(set(cameras)) > 2 and None not in gallery.cameras
    wheres = [
        Where(not_camera=cameras[0]),
        Where(cameras=frozenset(cameras[1:2])),
        Where(),
        Where(not_camera=cameras[0]),
    ]
    found = gallery.nearest(features[:4], 35, wheres)
    cosines = features[:4] @ features.T
    for row, chosen in enumerate((cameras != cameras[0], cameras == cameras[1], cameras != "", cameras != cameras[0])):
        assert gallery.count(wheres[row]) == chosen.sum() == len(found[row])
        order = np.argsort(-cosines[row])
        assert [number for number, _ in found[row]] == order[chosen[order]].tolist()


def test_a_search_through_milvus_finds_what_the_exact_one_finds(index, small_index, tmp_path):
    require_milvus()
    place = str(small_index / "vectors.db")
    features = read_feature_folder(small_index).features

    def check(count):
        found, exact = (gallery.nearest(features, 4) for gallery in (Gallery(small_index, place), Gallery(small_index)))
        assert [[number for number, _ in row] for row in found] == [[number for number, _ in row] for row in exact]
        assert {len(row) for row in found} == {count}

    check(4)
    Gallery(small_index).photos[0].unlink()
    check(3)
    shutil.copy(Gallery(index).photos[9], tmp_path / "photos" / "new.jpg")
    update_folder(small_index)
    check(4)
    remove_photos(small_index, ["new.jpg"])
    check(3)


def test_those_who_search_one_milvus_do_not_disturb_each_other(index, small_index, tmp_path):
    """Whatever another one finds that has an earlier or later state of the index, or another index of the folder."""
    require_milvus()
    place = str(tmp_path / "vectors.db")
    galleries = []

    def open_both(folder):
        galleries.append((read_feature_folder(folder).features, Gallery(folder, place), Gallery(folder)))

    open_both(small_index)
    (tmp_path / "table.csv").write_text(f"path,camera\n{Gallery(small_index).photos[0].name},north\n")
    other = shutil.copytree(small_index, tmp_path / "other")
    update_folder(other, table=tmp_path / "table.csv")
    open_both(other)
    shutil.copy(Gallery(index).photos[9], tmp_path / "photos" / "a_new.jpg")
    update_folder(small_index)
    open_both(small_index)
    remove_photos(small_index, [Gallery(small_index).photos[1].name])
    open_both(small_index)
    Gallery(small_index).photos[1].unlink()
    open_both(small_index)
    shutil.copy(Gallery(index).photos[12], tmp_path / "photos" / "b_new.jpg")
    for features, searched, exact in galleries:
        for where in (Where(), Where(frozenset(["north"]))):
            found, expected = (
                [[number for number, _ in row] for row in gallery.nearest(features, 3, where)]
                for gallery in (searched, exact)
            )
            assert found == expected
    assert [len(gallery) for _, gallery, _ in galleries] == [4, 4, 5, 4, 3]


def test_an_index_that_is_made_again_is_searched_by_its_new_features(small_index):
    """As in another precision: all else is as it was."""
    require_milvus()
    place = str(small_index / "vectors.db")
    stored = read_feature_folder(small_index)
    Gallery(small_index, place)
    content = {name: value for name, value in stored.content.items() if name != "features_sha256"}
    write_index_file(small_index, stored.features[::-1], {**content, "precision": "bf16"})
    found = Gallery(small_index, place).nearest(stored.features, 1)
    assert [row[0][0] for row in found] == [3, 2, 1, 0]


def test_collections_of_earlier_states_of_an_index_are_told(small_index, caplog):
    require_milvus()
    place = str(small_index / "vectors.db")
    for _ in range(2):
        Gallery(small_index, place)
    remove_photos(small_index, [Gallery(small_index).photos[0].name])
    Gallery(small_index, place)
    (message,) = (
        record.message for record in caplog.records if record.name == "fastreid.dcac"
    )  # milvus-lite logs, too
    assert re.fullmatch(r"Milvus at .*vectors.db also has 1 collection of .*photos: photos_\w+; drop those .*", message)


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
