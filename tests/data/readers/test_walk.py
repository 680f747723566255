"""Every tool finds the same pictures in the same folder, whatever links, loops, suffixes and names lie in it."""

import os
import socket
from pathlib import Path

import pytest
from PIL import Image

from dcac_fastreid.data.doctor import diagnose
from dcac_fastreid.data.readers.person_folders import PersonFolders
from dcac_fastreid.data.readers.suffixes import NOT_READ_HERE, PHOTOS
from dcac_fastreid.data.readers.walk import contents, walk
from dcac_fastreid.data.warn_once import warn_once
from dcac_fastreid.deploy.images import images_in
from dcac_fastreid.deploy.search.known_people import people_in_folder
from dcac_fastreid.errors import InputError


@pytest.fixture
def make(tmp_path):
    """make(*paths): files of different content in tmp_path/photos; returns that folder."""

    def make(*paths):
        for path in paths:
            file = tmp_path / "photos" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(path)
        return tmp_path / "photos"

    return make


def names(folder, paths):
    return [str(path.relative_to(folder)) for path in paths]


def test_links_to_files_and_folders_are_followed(make, tmp_path):
    folder = make("anna/1.jpg", "../disk/2.jpg", "../disk/deep/3.jpg", "../4.jpg")
    (folder / "ben").symlink_to(tmp_path / "disk")
    (folder / "anna" / "4.jpg").symlink_to("../../4.jpg")
    walked = walk(folder)
    assert names(folder, walked.pictures) == ["anna/1.jpg", "anna/4.jpg", "ben/2.jpg", "ben/deep/3.jpg"]
    assert walked.notes() == []


def test_a_link_that_leads_back_above_itself_is_passed_over_and_said(make, tmp_path):
    folder = make("anna/1.jpg", "../beside/2.jpg", "../other/3.jpg")
    (folder / "anna" / "here").symlink_to(".")
    (folder / "anna" / "top").symlink_to(folder)
    (folder / "out").symlink_to("..")  # of the folder itself: what lies beside it is not in it
    (folder / "by").symlink_to(tmp_path / "other")
    (tmp_path / "other" / "back").symlink_to(folder)
    (tmp_path / "other" / "far").symlink_to(tmp_path)
    walked = walk(folder)
    assert names(folder, walked.pictures) == ["anna/1.jpg", "by/3.jpg"]
    assert sorted(names(folder, walked.above)) == ["anna/here", "anna/top", "by/back", "by/far", "out"]
    (note,) = walked.notes()
    assert note.startswith(f"{folder}: passed over 5 links, leading back above itself: ")


def test_links_to_nothing_to_themselves_and_to_each_other_are_passed_over_and_said(make):
    folder = make("1.jpg")
    for name, target in (("gone.jpg", "none.jpg"), ("self.jpg", "self.jpg"), ("a", "b"), ("b", "a")):
        (folder / name).symlink_to(target)
    walked = walk(folder)
    assert names(folder, walked.pictures) == ["1.jpg"]
    assert names(folder, walked.nowhere) == ["a", "b", "gone.jpg", "self.jpg"]
    assert "passed over 4 links, leading nowhere: a, b, gone.jpg, self.jpg" in walked.notes()[0]


def test_what_is_reached_twice_counts_once_under_its_own_name(make, tmp_path):
    folder = make("zoe/1.jpg", "zoe/2.jpg", "../pool/3.jpg")
    (folder / "alias").symlink_to("zoe")
    (folder / "link.jpg").symlink_to("zoe/1.jpg")
    os.link(folder / "zoe" / "2.jpg", folder / "zoe" / "hard.jpg")
    (folder / "pool 1").symlink_to(tmp_path / "pool")
    (folder / "pool 2").symlink_to(tmp_path / "pool")
    walked = walk(folder)
    assert names(folder, walked.pictures) == ["pool 1/3.jpg", "zoe/1.jpg", "zoe/2.jpg"]
    (note,) = walked.notes()
    assert note.startswith(f"{folder}: 4 reached twice, counted once: ")
    for pair in ("zoe/hard.jpg is zoe/2.jpg", "alias is zoe", "link.jpg is zoe/1.jpg", "pool 2 is pool 1"):
        assert pair in note


def test_folders_full_of_links_to_each_other_end_at_once(make):
    """Were every way walked, there would be 2 to the 40th."""
    folder = make(*(f"store/{number}/1.jpg" for number in range(40)))
    for number in range(39):
        for name in ("left", "right"):
            (folder / "store" / str(number) / name).symlink_to(folder / "store" / str(number + 1))
    assert len(walk(folder).pictures) == 40


def test_the_order_is_that_of_the_names(make, monkeypatch):
    folder = make("b.jpg", "a/2.jpg", "a/1.jpg", "a b/3.jpg", "B.JPG")
    expected = ["B.JPG", "a/1.jpg", "a/2.jpg", "a b/3.jpg", "b.jpg"]
    assert names(folder, walk(folder).pictures) == expected
    scandir = os.scandir

    class Reversed:
        def __init__(self, path):
            self.found = sorted(scandir(path), key=lambda entry: entry.name, reverse=True)

        def __enter__(self):
            return self.found

        def __exit__(self, *error):
            pass

    monkeypatch.setattr(os, "scandir", Reversed)
    assert names(folder, walk(folder).pictures) == expected


def test_hidden_ones_and_those_of_systems_are_passed_over(make):
    folder = make("a.jpg", ".b.jpg", ".c/d.jpg", "@eaDir/e.jpg", "__MACOSX/f.jpg", "a/._g.jpg", "lost+found/h.jpg")
    walked = walk(folder)
    assert names(folder, walked.pictures) == ["a.jpg"] and walked.notes() == []


def test_photos_of_a_format_that_is_not_read_here_are_counted_and_named(make):
    folder = make("1.JPG", "2.Jpeg", "IMG_3.HEIC", "IMG_4.heic", "raw/5.NEF", "6.jxl", "notes.txt", "film.mp4")
    walked = walk(folder)
    assert names(folder, walked.pictures) == ["1.JPG", "2.Jpeg"]
    (note,) = walked.notes()
    assert note.endswith("(2 .heic, 1 .jxl, 1 .nef; convert to .jpg or .png): 6.jxl, IMG_3.HEIC, IMG_4.heic, raw/5.NEF")


def test_what_is_read_here_is_what_pillow_opens(tmp_path):
    assert {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif"} <= PHOTOS
    assert not PHOTOS & {".ico", ".eps", ".mpg", ".pdf"} and {".heic", ".cr2", ".dng"} <= NOT_READ_HERE
    for suffix in PHOTOS & {".avif", ".jp2", ".webp", ".gif", ".tga", ".ppm"}:
        Image.new("RGB", (4, 8)).save(tmp_path / f"a{suffix}")
        with Image.open(tmp_path / f"a{suffix}") as image:
            assert image.size == (4, 8)


def test_no_pipe_and_no_socket_is_a_picture(make):
    folder = make("1.jpg")
    os.mkfifo(folder / "2.jpg")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(folder / "3.jpg"))
        walked = walk(folder)
    assert names(folder, walked.pictures) == ["1.jpg"] and names(folder, walked.no_files) == ["2.jpg", "3.jpg"]


def test_a_folder_that_cannot_be_opened_is_refused(make, monkeypatch):
    folder = make("1.jpg", "closed/2.jpg")
    scandir = os.scandir

    def refuse(path):
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    for look in (walk, lambda folder: contents(folder / "closed")):
        with pytest.raises(InputError, match="closed cannot be opened .Permission denied.; make it readable, or take"):
            look(folder)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none", "there is no folder"),
        ("1.jpg", "is a file"),
        ("loop", "cannot be opened"),
        ("zero\0", "cannot be opened"),
    ],
)
def test_what_is_no_folder_is_one_sentence(make, name, message):
    folder = make("1.jpg")
    (folder / "loop").symlink_to("loop")
    with pytest.raises(InputError, match=f"^[^\n]*{message}"):
        walk(folder / name)


def test_index_doctor_calibration_and_training_agree_on_a_messy_folder(paint, tmp_path, logged):
    """Of 48 photos behind links, an index once had 24, while doctor and training found all."""
    photos, disk = tmp_path / "photos", tmp_path / "disk"
    for person in ("anna", "ben", "carl", "dora"):
        for number in range(6):
            paint((disk if person in ("carl", "dora") else photos) / person / f"{number}.PNG", (person, number))
    for person in ("carl", "dora"):
        (photos / person).symlink_to(disk / person)
    (photos / "anna" / "up").symlink_to("..")
    (photos / "ben" / "9.png").symlink_to("0.PNG")
    (photos / "ben" / os.fsdecode(b"caf\xe9.png")).write_bytes((paint(tmp_path / "cafe.png", "cafe")).read_bytes())
    (photos / "ben" / "gone.jpg").symlink_to("nowhere")
    (photos / "anna" / "IMG_1.HEIC").write_bytes(b"")
    warn_once.cache_clear()
    found = set(images_in(photos))
    assert len(found) == 25
    said = logged()
    assert len(said) == 4 and any("1 .heic" in note for note in said)

    dataset = PersonFolders(root=str(photos), verbose=False)
    splits = dataset.splits
    assert {Path(photo.path) for photo in (*splits.train, *splits.query, *splits.gallery, *splits.left_out)} == found
    assert set(people_in_folder(photos).paths) == found
    (own,) = diagnose(photos)[0].data_sets
    assert {Path(item[0]) for items in own.splits.values() for item in items} == found
    assert set(said) <= {finding.sentence for finding in own.findings}


def test_a_data_set_that_two_ways_lead_to_is_found_once(lay_out, tmp_path):
    lay_out(tmp_path / "root" / "zoo" / "Market-1501-v15.09.15", "DG_Market1501")
    (tmp_path / "root" / "market").symlink_to("zoo/Market-1501-v15.09.15")
    (tmp_path / "root" / "zoo" / "up").symlink_to(tmp_path)
    (found,) = diagnose(tmp_path / "root", quick=True)[0].data_sets
    assert found.folder == tmp_path / "root" / "zoo" / "Market-1501-v15.09.15"


def test_a_doctor_of_photos_that_cannot_be_read_here_says_so(make):
    folder = make("anna/1.heic", "ben/2.heic")
    report, _ = diagnose(folder)
    assert not report.can_start and any("2 .heic" in finding.sentence for finding in report.findings)
    with pytest.raises(InputError, match="holds no photo.*2 .heic; convert"):
        PersonFolders(root=str(folder))
    with pytest.raises(InputError, match="holds no image.*2 .heic; convert"):
        images_in(folder)
