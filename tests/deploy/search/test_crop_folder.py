"""Folders of photos as folders of crops, by a real detector that finds two people on every photo that is not black (conftest)."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dcac_fastreid import data
from dcac_fastreid.deploy.detector import PersonDetector
from dcac_fastreid.deploy.images import images_in
from dcac_fastreid.deploy.search import crop_folder
from dcac_fastreid.deploy.search.cameras_and_times import camera_of, time_of
from dcac_fastreid.deploy.search.crop import MOST_PIXELS, why_no_crop
from dcac_fastreid.deploy.search.crop_folder import COLUMNS, TABLE, crop_photos, places_of
from dcac_fastreid.errors import InputError

NAME = "c3_20240131_235959"


@pytest.fixture(scope="module")
def detector(detector_weights):
    return PersonDetector(detector_weights, "cpu")


def save(file: Path, size: tuple[int, int] = (640, 480), seed: int = 0, **options) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(100, 256, (48, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize(size).save(file, **options)
    return file


def black(file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (640, 480)).save(file)
    return file


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    save(folder / f"{NAME}.jpg")
    save(folder / "cam2" / "0001.png", seed=1)
    save(folder / "cam2" / "crop.jpg", size=(64, 128))
    black(folder / "empty.jpg")
    return folder


def table(folder: Path) -> list[dict]:
    with open(folder / TABLE, newline="") as stream:
        return list(csv.DictReader(stream))


def test_crops_lie_in_the_folders_of_their_photos_and_keep_camera_and_time(photos, detector, tmp_path):
    crops = crop_photos([photos], detector, tmp_path / "crops")
    made = [path.relative_to(crops.folder).as_posix() for path in images_in(crops.folder)]
    expected = ["cam2/0001_person1.jpg", "cam2/0001_person2.jpg", "cam2/crop.jpg"]
    assert made == sorted([f"{NAME}_person1.jpg", f"{NAME}_person2.jpg", *expected], key=lambda path: Path(path).parts)
    assert [camera_of(path) for path in made] == [camera_of(path) for path in [f"{NAME}.jpg"] * 2] + ["2"] * 3
    assert [time_of(path) for path in made] == [time_of(f"{NAME}.jpg")] * 2 + [None] * 3 and time_of(made[0])
    assert (crops.folder / "cam2/crop.jpg").read_bytes() == (photos / "cam2/crop.jpg").read_bytes()
    assert sorted(path.name for path in crops.folder.iterdir()) == sorted(
        ["cam2", TABLE, *made[:2]]
    )  # nothing unfinished


def test_the_table_tells_from_where_on_which_photo_a_crop_is(photos, detector, tmp_path):
    crops = crop_photos([photos], detector, tmp_path / "crops")
    lines = table(crops.folder)
    assert list(lines[0]) == list(COLUMNS) and len(lines) == 6
    for line in lines:
        photo = data.read_image(line["photo"])
        if not line["path"]:
            assert line["photo"] == str(photos / "empty.jpg") and line["score"] == ""
            continue
        crop = data.read_image(str(crops.folder / line["path"]))
        if not line["score"]:
            assert line["path"] == "cam2/crop.jpg"
            continue
        box = [int(line[side]) for side in ("left", "top", "right", "bottom")]
        difference = np.array(crop, dtype=float) - np.array(photo.crop(box), dtype=float)
        assert np.abs(difference).mean() < 5  # JPEG
    scores = [float(line["score"]) for line in lines if line["score"]]
    assert len(scores) == 4 and all(0.5 < score <= 1 for score in scores)


def test_the_report_counts(photos, detector, tmp_path):
    (photos / "broken.jpg").write_bytes(b"no image")
    with pytest.raises(InputError, match="1 of 5 images cannot be read: .*broken.jpg; .*--skip-unreadable"):
        crop_photos([photos], detector, tmp_path / "crops")
    assert not (tmp_path / "crops").exists()
    report = crop_photos([photos], detector, tmp_path / "crops", skip_unreadable=True).report().splitlines()
    assert report == [
        f"{tmp_path}/crops: 4 people on 3 whole photos, found by ssdlite320_mobilenet_v3_large",
        f"nobody was found on 1 photo, {photos}/empty.jpg",
        f"crops already, by their size, and copied as they are: 1 photo, {photos}/cam2/crop.jpg",
        f"left out, as they cannot be read: 1 photo, {photos}/broken.jpg",
        f"{tmp_path}/crops/crops.csv tells from which photo each crop is, and from where on it",
    ]


def test_nothing_is_overwritten_and_crops_do_not_go_among_their_photos(photos, detector, tmp_path):
    (tmp_path / "crops").mkdir()
    (tmp_path / "crops" / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="the crops shall go to .*crops, which holds mine.txt; choose a new folder"):
        crop_photos([photos], detector, tmp_path / "crops")
    with pytest.raises(InputError, match="the crops shall go to .*/photos/crops, which lies in .*photos; choose a"):
        crop_photos([photos], detector, photos / "crops")
    assert [path.name for path in (tmp_path / "crops").iterdir()] == ["mine.txt"]


def test_it_is_whole_or_not_there(photos, detector, tmp_path, monkeypatch):
    """As a process that is killed between the crops and their place; the next one deletes what it left."""
    left = tmp_path / "crops.999999999-00000000-0.unfinished"
    (left / "cam2").mkdir(parents=True)

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(crop_folder.os, "rename", killed)
        crop_photos([photos], detector, tmp_path / "crops")
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]
    left.mkdir()
    (tmp_path / "crops").mkdir()  # empty
    crop_photos([photos], detector, tmp_path / "crops")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["crops", "photos"]


def test_of_two_into_one_folder_the_later_one_changes_nothing(photos, detector, tmp_path, monkeypatch):
    """The other one's crops come while this one fills its folder."""
    real = crop_folder._fill

    def fill(*words):
        real(*words)
        save(tmp_path / "crops" / "other.jpg", (64, 128))

    monkeypatch.setattr(crop_folder, "_fill", fill)
    with pytest.raises(InputError, match="the crops cannot be written to .*crops .*not empty.*choose another folder"):
        crop_photos([photos], detector, tmp_path / "crops")
    assert [path.name for path in (tmp_path / "crops").iterdir()] == ["other.jpg"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["crops", "photos"]


def test_crops_go_where_a_link_leads(photos, detector, tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "crops").symlink_to(tmp_path / "there")
    crop_photos([photos], detector, tmp_path / "crops")
    assert (tmp_path / "crops").is_symlink() and (tmp_path / "there" / TABLE).is_file()


def test_photos_that_differ_in_their_suffix_alone_have_crops_of_their_own(detector, tmp_path):
    files = [save(tmp_path / "a.jpg"), save(tmp_path / "a.png", seed=1), save(tmp_path / "a_person2.jpg", (64, 128))]
    crops = crop_photos(files, detector, tmp_path / "crops")
    lines = {line["path"]: Path(line["photo"]).name for line in table(crops.folder)}
    assert lines == {
        "a_person1.jpg": "a.jpg",
        "a_person2.jpg": "a_person2.jpg",
        "a_person3.jpg": "a.jpg",
        "a_person4.jpg": "a.png",
        "a_person5.jpg": "a.png",
    }


def test_where_folders_are_named_their_names_stay_if_they_tell_something(tmp_path):
    files = [save(tmp_path / folder / "0001.jpg", (8, 8)) for folder in ("cam1", "cam2", "street")]
    folders = [file.parent for file in files]
    assert str(places_of(files[:1], folders[:1])[files[0]]) == "cam1/0001.jpg"
    assert str(places_of(files[2:], folders[2:])[files[2]]) == "0001.jpg"
    assert [*map(str, places_of(files, folders).values())] == ["cam1/0001.jpg", "cam2/0001.jpg", "street/0001.jpg"]
    assert str(places_of(files[:1], files[:1])[files[0]]) == "0001.jpg"
    with pytest.raises(
        InputError, match="the crops of .*cam1/0001.jpg and of .*cam2/0001.jpg would have the same names"
    ):
        places_of(files, files)


def test_nobody_at_all_is_an_error_and_nothing_is_left(detector, tmp_path):
    file = black(tmp_path / "a.jpg")
    sentence = (
        "ssdlite320_mobilenet_v3_large finds nobody on 1 photo, .*a.jpg, with a score of 0.5 or more; name photos"
    )
    with pytest.raises(InputError, match=sentence):
        crop_photos([file], detector, tmp_path / "crops")
    assert [path.name for path in tmp_path.iterdir()] == ["a.jpg"]


def test_crops_are_small_upright_and_without_metadata(detector, tmp_path):
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a note"  # lies on its side
    save(tmp_path / "photo.jpg", size=(3000, 4000), exif=exif, comment=b"where it was")
    crops = crop_photos([tmp_path / "photo.jpg"], detector, tmp_path / "crops")
    first = crops.folder / "photo_person1.jpg"
    with Image.open(first) as image:
        assert not image.getexif() and "comment" not in image.info
        width, height = image.size
    box = [int(table(crops.folder)[0][side]) for side in ("left", "top", "right", "bottom")]
    whole = box[2] - box[0], box[3] - box[1]
    assert whole == pytest.approx((1200, 2100), abs=9)  # of a photo of 4000 x 3000, as one looks at it
    assert 0.99 * MOST_PIXELS < width * height <= MOST_PIXELS and width / height == pytest.approx(4 / 7, abs=0.01)
    assert why_no_crop(first) == ""
