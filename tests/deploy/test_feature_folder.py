import csv
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from dcac_fastreid.deploy import FeatureExtractor, feature_folder
from dcac_fastreid.deploy.calibration import Calibration, write_calibration
from dcac_fastreid.deploy.feature_folder import check_output, extract_folder, read_feature_folder
from dcac_fastreid.errors import InputError


@pytest.fixture
def photos(tiny_world, tmp_path):
    """Six pictures, in two folders."""
    for number, picture in enumerate(
        sorted((tiny_world / "Market-1501-v15.09.15" / "bounding_box_test").iterdir())[:6]
    ):
        folder = tmp_path / "photos" / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(picture, folder / f"{number},.jpg")
    return tmp_path / "photos"


def test_rows_belong_to_their_pictures(extract, photos, tmp_path):
    made = extract_folder(extract, photos, tmp_path / "out")
    rows = list(csv.DictReader(open(tmp_path / "out" / "index.csv", newline="")))
    features = np.load(tmp_path / "out" / "features.npy")
    assert (
        features.dtype == np.float32 and features.shape == (6, 128) and [int(row["row"]) for row in rows] == [*range(6)]
    )
    for row in rows:
        expected = extract(photos / row["path"])[0].numpy()
        np.testing.assert_allclose(features[int(row["row"])], expected, atol=1e-5)
        assert int(row["bytes"]) == (photos / row["path"]).stat().st_size
    again = read_feature_folder(tmp_path / "out")
    assert (again.paths, again.states, again.info) == (made.paths, made.states, made.info)
    assert "6 pictures, features 128 wide" in made.report()


def test_the_info_tells_of_what_the_features_are(extract, photos, tmp_path):
    extract_folder(extract, photos, tmp_path / "out")
    info = json.loads((tmp_path / "out" / "info.json").read_text())
    assert info["encoder"] == extract.encoder.identity() and len(info["encoder"]["sha256"]) == 64
    assert info["feature_width"] == 128 and info["input_size"] == [128, 64] and info["count"] == 6
    assert info["selected_on"] == [] and info["versions"]["torch"] and info["unreadable"] == []


def test_a_checkpoint_that_a_test_metric_picked_is_marked(checkpoint, photos, tmp_path):
    content = torch.load(checkpoint)
    torch.save({**content, "selected_on": ["DG_Market1501"]}, tmp_path / "model_best.pth")
    made = extract_folder(FeatureExtractor(tmp_path / "model_best.pth", device="cpu"), photos, tmp_path / "out")
    assert made.info["selected_on"] == ["DG_Market1501"] and "picked by a test metric" in made.report()


def test_unreadable_pictures_stop_it_or_are_left_out(extract, photos, tmp_path):
    (photos / "a" / "broken.jpg").write_bytes(b"none")
    with pytest.raises(InputError, match="1 of 7 pictures cannot be read: .*broken.jpg"):
        extract_folder(extract, photos, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    made = extract_folder(extract, photos, tmp_path / "out", skip_unreadable=True)
    assert len(made.paths) == 6 and made.info["unreadable"] == ["a/broken.jpg"] and "a/broken.jpg" in made.report()


def test_a_full_disk_leaves_the_earlier_features(extract, photos, tmp_path, monkeypatch):
    extract_folder(extract, photos, tmp_path / "out")
    before = {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()}

    def half(stream, features):
        stream.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(feature_folder.np, "save", half)
    with pytest.raises(InputError, match="could not be written.*No space left"):
        extract_folder(extract, photos, tmp_path / "out")
    assert {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()} == before


def test_a_stop_between_two_files_leaves_no_features(extract, photos, tmp_path, monkeypatch):
    """New features beside the old index would be said to be of other pictures."""
    extract_folder(extract, photos, tmp_path / "out")
    replace, placed = os.replace, []

    def stopped(source, target):
        if Path(target).parent == tmp_path / "out":
            if placed:
                raise KeyboardInterrupt
            placed.append(Path(target).name)
        replace(source, target)

    monkeypatch.setattr(os, "replace", stopped)
    with pytest.raises(KeyboardInterrupt):
        extract_folder(extract, photos, tmp_path / "out")
    assert placed == ["features.npy"]
    with pytest.raises(InputError, match="holds no features"):
        read_feature_folder(tmp_path / "out")


def test_an_output_that_cannot_be_written_is_told_before_the_work(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file is a file; choose another folder"):
        check_output(tmp_path / "file" / "out", tmp_path / "photos")
    assert check_output(tmp_path / "new" / "deep", tmp_path / "photos") and not (tmp_path / "new").exists()


@pytest.mark.parametrize("output", ["photos", "photos/a/out"])
def test_features_do_not_lie_among_their_pictures(output, extract, photos):
    with pytest.raises(
        InputError, match="the features shall go to .*, which lies in .*photos; choose a folder outside"
    ):
        extract_folder(extract, photos, photos.parent / output)
    assert not list(photos.rglob("*.npy"))


def test_a_calibration_of_another_checkpoint_is_removed(extract, photos, tmp_path):
    file = tmp_path / "out" / "calibration.json"
    file.parent.mkdir()
    own, renamed = extract.encoder.identity(), {**extract.encoder.identity(), "checkpoint": "renamed.pth"}
    for encoder, removed in ((renamed, False), ({**own, "sha256": "0"}, True), (None, True)):
        known = Calibration(encoder, {}, 0.01, 0.5, 0.8, [], 10.0, -4.0, {}, 0.5)
        if encoder:
            write_calibration(known, tmp_path / "out")
        else:
            file.write_text("{")
        made = extract_folder(extract, photos, tmp_path / "out")
        assert (made.calibration_removed, file.exists()) == (removed, not removed)
        assert ("is removed: calibrate anew" in made.report()) == removed
    assert not extract_folder(extract, photos, tmp_path / "out").calibration_removed


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda out: (out / "info.json").unlink(), "holds no features: it has no info.json"),
        (lambda out: (out / "info.json").write_text("{"), "cannot be read as features"),
        (lambda out: (out / "features.npy").write_bytes(b"none"), "cannot be read as features"),
        (lambda out: (out / "features.npy").unlink(), "cannot be read as features"),
        (lambda out: np.save(out / "features.npy", np.zeros((5, 128), np.float32)), "does not agree with itself"),
        (lambda out: (out / "index.csv").write_text("row,path\n0,a.jpg\n"), "cannot be read as features"),
    ],
)
def test_damaged_features_are_one_sentence(damage, sentence, extract, photos, tmp_path):
    extract_folder(extract, photos, tmp_path / "out")
    damage(tmp_path / "out")
    with pytest.raises(InputError, match=sentence):
        read_feature_folder(tmp_path / "out")
