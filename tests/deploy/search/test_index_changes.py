import os
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image

from dcac_fastreid.deploy.checkpoint_extractor import CheckpointExtractor
from dcac_fastreid.deploy.search.feature_folder import extract_folder, read_feature_folder
from dcac_fastreid.deploy.search.gallery import Gallery
from dcac_fastreid.deploy.search.index_changes import remove_photos, update_folder
from dcac_fastreid.deploy.search.index_file import write_index_file
from dcac_fastreid.errors import InputError


@pytest.fixture
def photos(tiny_data, tmp_path):
    """Six images in photos/; four more in more/."""
    images = sorted((tiny_data / "Market-1501-v15.09.15" / "bounding_box_test").iterdir())[:10]
    for number, image in enumerate(images):
        folder = tmp_path / ("photos" if number < 6 else "more")
        folder.mkdir(exist_ok=True)
        shutil.copy(image, folder / f"c{number % 3}_{number}.jpg")
    return tmp_path / "photos"


@pytest.fixture
def index(extract, photos, tmp_path):
    extract_folder(extract, photos, tmp_path / "index")
    return tmp_path / "index"


@pytest.fixture
def computed(monkeypatch):
    """The names of the photos whose features are computed, of each call."""
    names = []
    real = CheckpointExtractor.__call__

    def call(self, files, **options):
        names.append([file.name for file in files])
        return real(self, files, **options)

    monkeypatch.setattr(CheckpointExtractor, "__call__", call)
    return names


def test_an_updated_index_is_that_which_a_new_one_would_be(extract, photos, index, computed, tmp_path):
    (photos / "c0_0.jpg").unlink()
    shutil.copy(tmp_path / "more" / "c0_6.jpg", photos / "c1_1.jpg")  # another content
    (photos / "c2_2.jpg").rename(photos / "c5_renamed.jpg")
    os.utime(photos / "c0_3.jpg", ns=(0, 0))
    shutil.copy(tmp_path / "more" / "c1_7.jpg", photos)
    made = update_folder(index, device="cpu")
    assert computed == [["c1_1.jpg", "c1_7.jpg"]], "new and changed photos alone"
    assert "photos: 2 new, 1 changed, 2 gone, 0 removed earlier and left out" in made.report()
    updated = read_feature_folder(index)
    extract_folder(extract, photos, tmp_path / "new")
    new = read_feature_folder(tmp_path / "new")
    np.testing.assert_allclose(updated.features, new.features, atol=1e-5)
    assert {**updated.content, "features_sha256": ""} == {**new.content, "features_sha256": ""}
    assert updated.content["cameras"] == ["0", "1", "1", "1", "2", "5"]


def test_where_nothing_is_new_no_encoder_is_needed(photos, index, checkpoint, computed):
    (photos / "c0_0.jpg").unlink()
    stored = read_feature_folder(index)
    content = {name: value for name, value in stored.content.items() if name != "features_sha256"}
    write_index_file(index, stored.features, {**content, "checkpoint_file": "/gone"})
    assert len(update_folder(index).paths) == 5 and computed == []
    shutil.copy(photos / "c1_1.jpg", photos / "c9.jpg")  # a content that the index knows
    assert len(update_folder(index).paths) == 6 and computed == []
    Image.open(photos / "c1_1.jpg").save(photos / "new.png")
    with pytest.raises(InputError, match="was made with /gone, which is gone; name it by --checkpoint"):
        update_folder(index)
    assert len(update_folder(index, checkpoint=checkpoint, device="cpu").paths) == 7


def test_another_encoder_does_not_update(checkpoint, photos, index, tmp_path):
    content = torch.load(checkpoint)
    content["model"]["heads.bottleneck.0.running_mean"] += 1
    torch.save(content, tmp_path / "other.pth")
    with pytest.raises(InputError, match="the index .* was made with model_final.pth .* this is other.pth"):
        update_folder(index, checkpoint=tmp_path / "other.pth", device="cpu")


def test_photos_keep_the_cameras_of_a_table_and_new_ones_have_those_of_their_names(extract, photos, index, tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("path,camera,time\nc0_0.jpg,north,2024-01-31\n")
    extract_folder(extract, photos, index, table=table)
    shutil.copy(tmp_path / "more" / "c1_7.jpg", photos)
    update_folder(index, device="cpu")
    content = read_feature_folder(index).content
    assert content["paths"][4] == "c1_7.jpg" and content["cameras"] == ["north", None, None, None, "1", None, None]
    assert content["times"] == [1_706_659_200_000, *[None] * 6]
    table.write_text("path,camera\nc1_7.jpg,south\n")
    update_folder(index, table=table, device="cpu")
    content = read_feature_folder(index).content
    assert content["cameras"] == ["north", None, None, None, "south", None, None], "others keep theirs"
    assert content["times"] == [1_706_659_200_000, *[None] * 6], "also what the table has no column for"
    table.write_text("path,camera,time\nc0_0.jpg,,2024-02-01\nc1_7.jpg,west,\n")
    update_folder(index, table=table, device="cpu")
    content = read_feature_folder(index).content
    assert content["cameras"] == [None, None, None, None, "west", None, None], "an empty cell is unknown"
    assert content["times"] == [1_706_745_600_000, *[None] * 6]
    table.write_text("path,camera\nphotos/c1_7.jpg,south\n")
    with pytest.raises(InputError, match="table.csv tells of none of the photos"):
        update_folder(index, table=table, device="cpu")
    assert read_feature_folder(index).content == content


def test_renamed_photos_keep_the_cameras_and_times_of_a_table(extract, photos, index, tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("path,camera,time\nc0_0.jpg,north,2024-01-31\nc0_3.jpg,0,\nc1_1.jpg,south,\nc1_4.jpg,east,\n")
    shutil.copy(photos / "c1_1.jpg", photos / "c1_4.jpg")  # one content with two cameras
    extract_folder(extract, photos, index, table=table)
    (photos / "c0_0.jpg").rename(photos / "c5_20240101_000000.jpg")
    (photos / "c0_3.jpg").rename(photos / "renamed.jpg")
    for number in (1, 4):
        (photos / f"c1_{number}.jpg").rename(photos / f"c7_{number}.jpg")
    update_folder(index)
    cameras = {"c2_2.jpg": None, "c2_5.jpg": None, "c5_20240101_000000.jpg": "north", "renamed.jpg": "0"}
    times = dict.fromkeys([*cameras, "c7_1.jpg", "c7_4.jpg"])
    cameras |= {"c7_1.jpg": "7", "c7_4.jpg": "7"}
    times["c5_20240101_000000.jpg"] = 1_706_659_200_000
    for folder in ("", "c9/"):
        content = read_feature_folder(index).content
        for name, expected in (("cameras", cameras), ("times", times)):
            found = dict(zip(content["paths"], content[name], strict=True))
            assert found == {folder + path: value for path, value in expected.items()}, (folder, name)
        if not folder:
            (tmp_path / "parent").mkdir()
            photos.rename(tmp_path / "parent" / "c9")
            update_folder(index, images=tmp_path / "parent")


def test_photos_that_have_moved(photos, index, tmp_path):
    before = read_feature_folder(index)
    shutil.move(photos, tmp_path / "elsewhere")
    with pytest.raises(InputError, match="there is no folder .*photos"):
        update_folder(index)
    with pytest.raises(
        InputError, match="more holds none of the 6 photos of the index .*; name their folder by --gallery"
    ):
        update_folder(index, images=tmp_path / "more")
    update_folder(index, images=tmp_path / "elsewhere")
    after = read_feature_folder(index)
    assert after.images == tmp_path / "elsewhere" and after.paths == before.paths
    assert np.array_equal(after.features, before.features)


def test_new_photos_that_cannot_be_read_stop_it_or_are_left_out(photos, index):
    before = (index / "index.safetensors").read_bytes()
    (photos / "broken.jpg").write_bytes(b"none")
    with pytest.raises(InputError, match="1 of 1 image cannot be read: .*broken.jpg; .*by --skip-unreadable"):
        update_folder(index)
    assert (index / "index.safetensors").read_bytes() == before
    assert "broken.jpg" in update_folder(index, skip_unreadable=True).report()
    assert read_feature_folder(index).content["unreadable"] == ["broken.jpg"] and len(Gallery(index)) == 6


def test_removed_photos_stay_away(extract, photos, index):
    (photos / "a").mkdir()
    for number in (4, 5):
        (photos / f"c{number % 3}_{number}.jpg").rename(photos / "a" / f"{number}.jpg")
    update_folder(index)
    before = read_feature_folder(index)
    report = remove_photos(index, [photos / "c0_0.jpg", "a"]).report()
    assert "removed: 3 photos, a/4.jpg, a/5.jpg, c0_0.jpg" in report
    for _ in range(2):
        after = read_feature_folder(index)
        assert after.paths == ["c0_3.jpg", "c1_1.jpg", "c2_2.jpg"] and after.content["cameras"] == ["0", "1", "2"]
        assert np.array_equal(after.features, before.features[3:])
        gallery = Gallery(index)
        assert len(gallery) == 3 and not gallery.added and len(list(photos.rglob("*.jpg"))) == 6
        assert "3 removed earlier and left out" in update_folder(index).report()
    extract_folder(extract, photos, index)
    assert len(read_feature_folder(index).paths) == 6


def test_removed_photos_stay_away_under_every_name(extract, photos, index, tmp_path):
    shutil.copy(photos / "c0_0.jpg", photos / "twice.jpg")
    update_folder(index)
    assert "removed: 2 photos, c0_0.jpg, twice.jpg" in remove_photos(index, ["c0_0.jpg"]).report(), "the same content"
    left = read_feature_folder(index).paths
    shutil.copy(photos / "c0_0.jpg", photos / "copy.jpg")
    (photos / "c0_0.jpg").rename(photos / "renamed.jpg")
    for _ in range(2):
        report = update_folder(index).report()
        assert "0 new, 0 changed, 0 gone, 3 removed earlier and left out: copy.jpg, renamed.jpg, twice.jpg" in report
        assert read_feature_folder(index).paths == left and not Gallery(index).added
    parent = tmp_path / "parent"
    parent.mkdir()
    photos.rename(parent / "photos")
    update_folder(index, images=parent)
    assert read_feature_folder(index).paths == [f"photos/{path}" for path in left] and not Gallery(index).added


def test_another_photo_under_the_name_of_a_copy_of_a_removed_one_is_new(extract, photos, index, tmp_path):
    shutil.copy(photos / "c0_0.jpg", photos / "twice.jpg")
    update_folder(index)
    remove_photos(index, ["c0_0.jpg"])
    shutil.copy(photos / "c0_0.jpg", photos / "copy.jpg")
    update_folder(index)
    for name in ("c0_0.jpg", "twice.jpg", "copy.jpg"):
        shutil.copy(tmp_path / "more" / "c0_6.jpg", photos / name)
    report = update_folder(index, device="cpu").report()
    assert "2 new, 0 changed, 0 gone, 1 removed earlier and left out: c0_0.jpg" in report, "the named path stays away"


@pytest.mark.parametrize(
    ("named", "sentence"),
    [
        (["c0_0.jpg", "c0"], "has no photo or folder c0; its photos are c0_0.jpg"),
        (["/etc/passwd"], "has no photo or folder /etc/passwd; its photos"),
        (["../photos/c0_0.jpg"], "has no photo or folder ../photos/c0_0.jpg"),
        (
            [f"c{number % 3}_{number}.jpg" for number in range(6)],
            "no photo would be left in the index .*; delete its folder",
        ),
        ([""], "a photo is an empty name"),
    ],
)
def test_what_cannot_be_removed_is_one_sentence(named, sentence, index):
    before = (index / "index.safetensors").read_bytes()
    with pytest.raises(InputError, match=sentence) as error:
        remove_photos(index, named)
    assert "\n" not in str(error.value) and (index / "index.safetensors").read_bytes() == before


def test_where_no_index_is_nothing_is_made(tmp_path):
    for change in (update_folder, lambda index: remove_photos(index, ["a.jpg"])):
        with pytest.raises(InputError, match="holds no index: make one by: dcac-fastreid search index"):
            change(tmp_path)
    assert not list(tmp_path.iterdir())


def test_two_changes_at_a_time_are_both_made(index):
    names = ["c0_0.jpg", "c0_3.jpg", "c1_1.jpg", "c1_4.jpg"]
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda name: remove_photos(index, [name]), names))
    assert read_feature_folder(index).paths == ["c2_2.jpg", "c2_5.jpg"]


def while_features_are_computed(monkeypatch, do):
    """Does something, once, when the next features have been computed and are not yet written."""
    real, done = CheckpointExtractor.__call__, []

    def call(self, files, **options):
        features = real(self, files, **options)
        if not done:
            done.append(True)
            do()
        return features

    monkeypatch.setattr(CheckpointExtractor, "__call__", call)


def test_an_index_that_is_made_while_another_is_changed_takes_its_place(extract, photos, index, tmp_path, monkeypatch):
    shutil.copy(tmp_path / "more" / "c0_6.jpg", photos)
    make = threading.Thread(target=extract_folder, args=(extract, tmp_path / "more", index))
    while_features_are_computed(monkeypatch, lambda: (make.start(), make.join(2)))
    assert len(update_folder(index, device="cpu").paths) == 7
    make.join()
    assert read_feature_folder(index).paths == ["c0_6.jpg", "c0_9.jpg", "c1_7.jpg", "c2_8.jpg"]


def test_an_index_that_another_program_replaces_or_deletes_meanwhile_is_left_as_it_is(
    extract, photos, index, tmp_path, monkeypatch
):
    shutil.copy(tmp_path / "more" / "c0_6.jpg", photos)
    extract_folder(extract, tmp_path / "more", tmp_path / "other")
    file, other = index / "index.safetensors", tmp_path / "other" / "index.safetensors"
    for change in (lambda: shutil.copy(other, file), file.unlink):
        with monkeypatch.context() as patch:
            while_features_are_computed(patch, change)
            with pytest.raises(InputError, match="index .* has been replaced or deleted .*; start again") as error:
                update_folder(index, images=tmp_path / "photos", device="cpu")
        assert "\n" not in str(error.value)
        assert not file.exists() or file.read_bytes() == other.read_bytes()
        extract_folder(extract, photos, index)
        (photos / "c0_6.jpg").write_bytes((tmp_path / "more" / "c1_7.jpg").read_bytes())


def test_what_a_killed_process_left_is_deleted(index):
    left = index / "index.safetensors.999999999-00000000-0.unfinished"
    left.write_bytes(b"half")
    remove_photos(index, ["c0_0.jpg"])
    assert not left.exists()


@pytest.mark.slow
def test_an_update_that_is_killed_at_any_moment_leaves_the_old_index_or_the_new_one(photos, index, tmp_path):
    before = read_feature_folder(index).paths
    for photo in (tmp_path / "more").iterdir():
        shutil.copy(photo, photos)
    now = sorted(photo.name for photo in photos.iterdir())
    words = ["-m", "dcac_fastreid", "search", "index", "--update", "--index", str(index), "--device", "cpu"]
    begin = time.monotonic()
    subprocess.run([sys.executable, *words, "--gallery", str(photos)], check=True, stdout=subprocess.DEVNULL)
    whole = time.monotonic() - begin
    assert read_feature_folder(index).paths == now
    remove_photos(index, set(now) - set(before))
    write_index_file(index, *_without_removed(index))
    for tenths in range(5, 11):
        process = subprocess.Popen([sys.executable, *words], stdout=subprocess.DEVNULL)
        time.sleep(whole * tenths / 10)
        process.kill()
        process.wait()
        assert read_feature_folder(index).paths in (before, now)
    update_folder(index, device="cpu")
    assert read_feature_folder(index).paths == now and not list(index.glob("*.unfinished"))


def _without_removed(index):
    stored = read_feature_folder(index)
    content = {name: value for name, value in stored.content.items() if name != "features_sha256"}
    return stored.features, {**content, "removed": [], "removed_sha256": []}
