"""Each fault of a data set is found in a folder that has it, in a sentence that says what, where and what to do."""

import re
import shutil

import pytest

from dcac_fastreid.data.doctor import diagnose
from dcac_fastreid.errors import InputError

MARKET, DUKE = "Market-1501-v15.09.15", "DukeMTMC-reID"
TRAIN = f"{MARKET}/bounding_box_train"


@pytest.fixture
def data_root(tiny_data, tmp_path):
    """A copy of the tiny synthetic data set, to spoil; without the file that says that it is synthetic."""
    root = shutil.copytree(tiny_data, tmp_path / "data_root")
    (root / "drawn-world.json").unlink()
    return root


def first(folder):
    return sorted(path for path in folder.iterdir() if path.suffix in (".jpg", ".png"))[0]


def of_kind(report, kind, name=None):
    """(sentence, stops) of all findings of a kind, of one data set or of all."""
    every = [finding for found in report.data_sets if name in (None, found.name) for finding in found.findings]
    return [(finding.sentence, finding.stops) for finding in every + report.findings if finding.kind == kind]


def test_a_sound_data_set_can_be_trained_on_and_a_synthetic_one_is_called_so(tiny_data):
    report, _ = diagnose(tiny_data)
    assert report.can_start and len(report.data_sets) == 4
    every = [finding for found in report.data_sets for finding in found.findings]
    assert {finding.sentence for finding in every} == {"images of a synthetic data set, smaller than the real data set"}


def test_counts_are_compared_with_the_literature(data_root):
    sentences = [sentence for sentence, stops in of_kind(diagnose(data_root, quick=True)[0], "count") if not stops]
    assert len(sentences) == 12
    expected = "train of Market1501 has 8 identities and 48 images, published are 751 and 12,936 (the literature"
    assert any(sentence.startswith(expected) for sentence in sentences)


def test_other_cameras_than_in_the_literature_are_told(data_root):
    for folder in (data_root / MARKET).iterdir():
        for path in folder.glob("*_c6s*.jpg"):
            path.unlink()
    (sentence,) = [
        sentence
        for sentence, _ in of_kind(diagnose(data_root, quick=True)[0], "count", "Market1501")
        if "cameras" in sentence
    ]
    assert sentence.startswith("Market1501 has images by 5 cameras, published are 6 (the literature")


def remove(part):
    return lambda data_root: shutil.rmtree(data_root / part)


def empty(part):
    def spoil(data_root):
        shutil.rmtree(data_root / part)
        (data_root / part).mkdir()

    return spoil


def copy_first(part, name, source=None):
    """A copy of a folder's first image, in the same folder or another one."""
    return lambda data_root: shutil.copy(first(data_root / (source or part)), data_root / part / name)


def cut(data_root):
    image = first(data_root / TRAIN)
    image.write_bytes(image.read_bytes()[:300])


def dangle(data_root):
    image = first(data_root / TRAIN)
    image.unlink()
    image.symlink_to(data_root / "nowhere.jpg")


def unlist(data_root):
    (data_root / "MSMT17_V1" / "list_val.txt").unlink()


def list_absent(data_root):
    with open(data_root / "MSMT17_V1" / "list_query.txt", "a") as file:
        file.write("0999/0999_000_01_0303morning_0008_0.jpg 999\n")


def list_of_bytes(data_root):
    (data_root / "MSMT17_V1" / "list_query.txt").write_bytes(b"\xff\xfe\x00")


def one_camera(data_root):
    for part in ("query", "bounding_box_test"):
        for path in sorted((data_root / DUKE / part).iterdir()):
            number, _, frame = path.name.split("_")
            path.rename(path.with_name(f"{number}_c1_{frame}"))


@pytest.mark.parametrize(
    ("spoil", "kind", "stops", "sentence"),
    [
        (remove(f"{DUKE}/query"), "missing", True, "DukeMTMC-reID has no query; copy it again, or get it from whoever"),
        (remove("MSMT17_V1/test"), "missing", True, "MSMT17_V1 has no test; copy it again"),
        (unlist, "missing", True, "MSMT17_V1 has no list_val.txt; copy it again"),
        (empty(TRAIN), "missing", True, "bounding_box_train holds no image; copy the data set again"),
        (list_absent, "name", True, "list_query.txt lists 1 images that are not there, first .*0999_000_01"),
        (list_of_bytes, "name", True, "list_query.txt is no text in UTF-8 or UTF-16"),
        (copy_first(TRAIN, "IMG_7.jpg"), "name", True, "1 images in .*bounding_box_train have names .*: IMG_7.jpg; exp"),
        (copy_first(TRAIN, "0001_c9s1_000001_01.jpg"), "name", True, "out of range: 0001_c9s1_000001_01.jpg"),
        (cut, "unreadable", True, "1 images cannot be read: .*bounding_box_train/.*jpg; copy them again, or train with DATAL"),
        (dangle, "unreadable", True, "1 images cannot be read: .*bounding_box_train"),
        (
            copy_first(TRAIN, "0001_c1s1_999999_01.jpg", f"{MARKET}/query"),
            "leak", True, r"1 training images are test images: .*999999_01.jpg = .*\(query\); take them out",
        ),
        (copy_first(TRAIN, "0001_c1s1_999999_01.jpg"), "double", False, "1 images lie there twice with the same person"),
        (copy_first(TRAIN, "0008_c1s1_999999_01.jpg"), "label", False, "1 images lie there under two people: "),
        (
            copy_first(f"{MARKET}/bounding_box_test", "0009_c6s1_999999_01.jpg", f"{MARKET}/query"),
            "double", False, "1 queries are gallery images too",
        ),
        (
            copy_first(TRAIN, "0001_c1s1_999999_01.jpg", f"{DUKE}/query"),
            "leak", False, "1 training images of one data set are test images of another: .*bounding_box_train.* = .*query",
        ),
        (one_camera, "test", True, "come from 1 camera, expected 2 or more"),
    ],
)  # fmt: skip
def test_a_fault_is_named(data_root, spoil, kind, stops, sentence):
    spoil(data_root)
    report, _ = diagnose(data_root)
    ((found, stopping),) = of_kind(report, kind)
    assert re.search(sentence, found), found
    assert (stopping, report.can_start) == (stops, not stops)


def test_a_leak_is_no_wrong_label(data_root):
    """People of training and of the test are counted again in the test of MSMT17, so their numbers do not compare."""
    copy_first(TRAIN, "0001_c1s1_999999_01.jpg", f"{MARKET}/query")(data_root)
    report, _ = diagnose(data_root)
    assert of_kind(report, "leak") and not of_kind(report, "label")


def test_boxes_under_unknown_names_are_no_known_data_set(draw_all, tmp_path):
    draw_all("data/people", "bounding_box_train/a.jpg", "bounding_box_test/b.jpg")
    report, _ = diagnose(tmp_path / "data", link_to=tmp_path / "linked")
    assert not report.can_start and report.data_sets[0].name == "boxes of an unknown data set"
    assert "names of no data set known here, such as a.jpg; name them as Market1501" in of_kind(report, "name")[0][0]


def test_another_copy_that_is_read_instead_is_named(data_root):
    shutil.copytree(data_root / MARKET, data_root / "Market1501")
    report, _ = diagnose(data_root, quick=True)
    ((sentence, stops),) = of_kind(report, "place")
    assert (
        sentence
        == f"below {data_root}, DG_Market1501 reads {data_root / MARKET}, not {data_root / 'Market1501'}; remove one"
    )


def test_a_quick_look_opens_no_image(data_root, monkeypatch):
    cut(data_root)
    monkeypatch.setattr("dcac_fastreid.data.images.Image.open", lambda file: pytest.fail("opened"))
    report, _ = diagnose(data_root, quick=True)
    assert report.can_start and not report.examined


def test_images_are_opened_once(data_root, monkeypatch):
    diagnose(data_root)
    monkeypatch.setattr("dcac_fastreid.data.images.Image.open", lambda file: pytest.fail("opened again"))
    assert diagnose(data_root)[0].can_start


@pytest.mark.parametrize("path", ["nowhere", "file"])
def test_a_path_that_is_no_folder_is_refused(tmp_path, path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=f"{tmp_path / path}.*; expected a data root, or the folder of a data set"):
        diagnose(tmp_path / path)
