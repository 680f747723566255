import dataclasses
import hashlib
import os
import re
import resource
import shlex
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dcac_fastreid.deploy import FeatureExtractor
from dcac_fastreid.deploy.search.calibration_file import write_calibration
from dcac_fastreid.deploy.search.feature_folder import (
    check_output,
    extract_folder,
    features_of_folder,
    read_feature_folder,
)
from dcac_fastreid.deploy.search.feature_tables import write_tables
from dcac_fastreid.errors import InputError


@pytest.fixture
def photos(tiny_data, tmp_path):
    """Six images, in two folders."""
    for number, image in enumerate(sorted((tiny_data / "Market-1501-v15.09.15" / "bounding_box_test").iterdir())[:6]):
        folder = tmp_path / "photos" / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(image, folder / f"{number},.jpg")
    return tmp_path / "photos"


def test_features_belong_to_their_images(extract, photos, tmp_path):
    made = extract_folder(extract, photos, tmp_path / "out")
    read = read_feature_folder(tmp_path / "out")
    assert read.features.dtype == np.float32 and read.features.shape == (6, 128) and len(set(read.paths)) == 6
    for path, feature, (size, _), sha256 in zip(read.paths, read.features, read.states, read.hashes, strict=True):
        np.testing.assert_allclose(feature, extract(photos / path)[0].numpy(), atol=1e-5)
        content = (photos / path).read_bytes()
        assert (size, sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert {**read.content, "features_sha256": ""} == {**made.content, "features_sha256": ""}
    assert "6 images, features 128 wide" in made.report()
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"index.safetensors", "index.safetensors.lock"}


def test_the_index_tells_of_what_the_features_are(extract, photos, tmp_path):
    content = extract_folder(extract, photos, tmp_path / "out").content
    assert content["encoder"] == extract.encoder.identity() and len(content["encoder"]["sha256"]) == 64
    assert content["encoder"]["feature_width"] == 128 and content["encoder"]["input_size"] == [128, 64]
    assert content["selected_on"] == [] and content["versions"]["torch"] and content["unreadable"] == []


def test_a_checkpoint_that_a_test_metric_picked_is_marked(checkpoint, photos, tmp_path):
    content = torch.load(checkpoint)
    torch.save({**content, "selected_on": ["DG_Market1501"]}, tmp_path / "model_best.pth")
    made = extract_folder(FeatureExtractor(tmp_path / "model_best.pth", device="cpu"), photos, tmp_path / "out")
    assert made.content["selected_on"] == ["DG_Market1501"] and "picked by a test metric" in made.report()


def test_unreadable_images_stop_it_or_are_left_out(extract, photos, tmp_path):
    (photos / "a" / "broken.jpg").write_bytes(b"none")
    with pytest.raises(InputError, match="1 of 7 images cannot be read: .*broken.jpg"):
        extract_folder(extract, photos, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    made = extract_folder(extract, photos, tmp_path / "out", skip_unreadable=True)
    assert len(made.paths) == 6 and made.content["unreadable"] == ["a/broken.jpg"] and "a/broken.jpg" in made.report()


def test_a_write_that_fails_leaves_the_earlier_index(extract, photos, tmp_path, monkeypatch):
    extract_folder(extract, photos, tmp_path / "out")
    before = {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()}
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    (photos / "a" / "0,.jpg").unlink()
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limit[1]))
    try:
        with pytest.raises(InputError, match="index.safetensors could not be written"):
            extract_folder(extract, photos, tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()} == before


def test_a_diverged_checkpoint_makes_no_index(checkpoint, extract, photos, tmp_path):
    """Its weights are finite and its features are not: what it computes is looked at, not what it was made of."""
    extract_folder(extract, photos, tmp_path / "out")
    before = (tmp_path / "out" / "index.safetensors").read_bytes()
    content = torch.load(checkpoint)
    content["model"]["heads.bottleneck.0.running_var"].fill_(0)
    content["model"]["heads.bottleneck.0.weight"].fill_(1e38)
    torch.save(content, tmp_path / "diverged.pth")
    with pytest.raises(
        InputError, match="diverged.pth gives features that are no finite numbers.*take an earlier checkpoint"
    ):
        extract_folder(FeatureExtractor(tmp_path / "diverged.pth", device="cpu"), photos, tmp_path / "out")
    assert (tmp_path / "out" / "index.safetensors").read_bytes() == before


def test_an_output_that_cannot_be_written_is_told_before_the_work(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file is a file; choose another folder"):
        check_output(tmp_path / "file" / "out", tmp_path / "photos")
    assert check_output(tmp_path / "new" / "deep", tmp_path / "photos") and not (tmp_path / "new").exists()


@pytest.mark.parametrize("output", ["photos", "photos/a/out"])
def test_features_do_not_lie_among_their_images(output, extract, photos):
    with pytest.raises(
        InputError, match="the features shall go to .*, which lies in .*photos; choose a folder outside"
    ):
        extract_folder(extract, photos, photos.parent / output)
    assert not list(photos.rglob("*.safetensors"))


def test_the_gallery_may_lie_in_the_folder_of_the_index(extract, photos):
    extract_folder(extract, photos, photos.parent)
    assert read_feature_folder(photos.parent).paths[0] == "a/0,.jpg"


@pytest.mark.parametrize("wrong", ["", None, 5, b"photos", ["photos"], "a\0b", 300 * "x"])
def test_what_is_no_folder_is_one_sentence(wrong, extract, photos, tmp_path):
    for call in (
        lambda: extract_folder(extract, wrong, tmp_path / "out"),
        lambda: extract_folder(extract, photos, wrong),
        lambda: read_feature_folder(wrong),
    ):
        with pytest.raises(InputError) as error:
            call()
        assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_a_calibration_of_another_checkpoint_is_removed(extract, photos, calibration, tmp_path):
    file = tmp_path / "out" / "calibration.json"
    file.parent.mkdir()
    own, renamed = extract.encoder.identity(), {**extract.encoder.identity(), "checkpoint": "renamed.pth"}
    for encoder, removed in ((renamed, False), ({**own, "sha256": 64 * "0"}, True), (None, True)):
        if encoder:
            write_calibration(dataclasses.replace(calibration, encoder=encoder), tmp_path / "out")
        else:
            file.write_text("{")
        made = extract_folder(extract, photos, tmp_path / "out")
        assert file.exists() != removed
        assert ("is removed: calibrate again" in made.report()) == removed
    assert "is removed" not in extract_folder(extract, photos, tmp_path / "out").report()


def test_photos_that_are_no_crops_are_told(extract, photos, tmp_path):
    Image.new("RGB", (90, 60)).save(photos / "wide.jpg")
    report = extract_folder(extract, photos, tmp_path / "out").report()
    assert re.search(r"no crops of one person \(.*\): 1 image, .*wide.jpg; people on them will hardly be found", report)


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda out: (out / "index.safetensors").unlink(), "out holds no index: make one by: "),
        (lambda out: shutil.rmtree(out), "out holds no index: make one by: "),
        (lambda out: (shutil.rmtree(out), out.touch()), "out is a file, expected the folder of an index"),
        (lambda out: (out / "index.safetensors").write_bytes(b"none"), "out/index.safetensors is damaged or cut off: "),
        (lambda out: os.truncate(out / "index.safetensors", 2000), "out/index.safetensors is damaged or cut off: "),
    ],
)
def test_an_index_that_cannot_be_read_is_one_sentence(damage, sentence, extract, photos, tmp_path):
    extract_folder(extract, photos, tmp_path / "out")
    damage(tmp_path / "out")
    with pytest.raises(InputError, match=f"{sentence}.*dcac-fastreid search index --checkpoint .* --index ") as error:
        read_feature_folder(tmp_path / "out")
    assert "\n" not in str(error.value)


def test_an_index_of_the_first_releases_is_refused_with_the_command_that_makes_it_again(extract, photos, tmp_path):
    """Nothing ties its rows to its photos."""
    out = tmp_path / "my index"
    write_tables(features_of_folder(extract, photos, out))
    with pytest.raises(
        InputError, match="holds features.npy, index.csv, info.json, which nothing ties together"
    ) as error:
        read_feature_folder(out)
    command = shlex.split(str(error.value).partition("make the index by: ")[2])
    assert command == [
        "dcac-fastreid", "search", "index", "--checkpoint", str(extract.encoder.file), "--gallery", str(photos),
        "--index", str(out),
    ]  # fmt: skip
    for damaged in ("{", "[]", "null", '{"pictures": 5, "checkpoint_file": null}', "[" * 100_000):
        (out / "info.json").write_text(damaged)
        with pytest.raises(
            InputError, match="make the index by: dcac-fastreid .* --checkpoint CHECKPOINT --gallery PHOTOS"
        ):
            read_feature_folder(out)
    extract_folder(extract, photos, out)
    assert len(read_feature_folder(out).paths) == 6


def test_two_who_index_into_one_folder_leave_a_whole_index(extract, photos, tmp_path):
    """Of one or the other."""
    names = ("a", "b")
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda name: extract_folder(extract, photos / name, tmp_path / "out"), 4 * names))
    assert Path(read_feature_folder(tmp_path / "out").content["pictures"]).name in names
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"index.safetensors", "index.safetensors.lock"}


def test_links_that_lead_to_each_other_are_no_folder(extract, tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(InputError, match="the folder .*loop cannot be opened"):
        extract_folder(extract, tmp_path / "loop", tmp_path / "out")


def test_cameras_and_times_are_those_of_the_names_or_of_a_table(extract, photos, tmp_path):
    (photos / "a" / "0,.jpg").rename(photos / "a" / "c4_20240131_120000.jpg")
    made = extract_folder(extract, photos, tmp_path / "out")
    assert made.content["cameras"] == [None] * 2 + ["4"] + [None] * 3 and made.content["times"][2] == 1_706_702_400_000
    assert "known: the camera of 1 of 6 (1 camera), the time of 1 of 6 (2024-01-31 12:00:00" in made.report()
    table = tmp_path / "table.csv"
    table.write_text("path,camera\nb/1,.jpg,x\n".replace("b/1,.jpg", '"b/1,.jpg"'))
    extract_folder(extract, photos, tmp_path / "out", table=table)
    read = read_feature_folder(tmp_path / "out").content
    assert read["cameras"] == [None] * 3 + ["x"] + [None] * 2 and read["times"][2] == 1_706_702_400_000
    table.write_text("path,camera\nphotos/b/1.jpg,x\n")
    with pytest.raises(InputError, match="table.csv tells of none of the photos"):
        extract_folder(extract, photos, tmp_path / "out", table=table)
    assert read_feature_folder(tmp_path / "out").content == read
