"""No image of a test is trained on, under whatever name it lies there."""

import os
import shutil
import time

import pytest
from PIL import Image

from dcac_fastreid import DCACTrainer, data
from dcac_fastreid.data.checks.leakage import same_images
from dcac_fastreid.data.hashes import FILE, file_hashes, pixel_hashes
from dcac_fastreid.engine.preflight import check_inputs
from dcac_fastreid.errors import InputError

MARKET, DUKE = "Market-1501-v15.09.15", "DukeMTMC-reID"


@pytest.fixture
def data_root(tiny_data, tmp_path):
    """A copy of the tiny synthetic data set, to spoil."""
    return shutil.copytree(tiny_data, tmp_path / "data_root")


@pytest.fixture
def make(make_cfg, data_root):
    """make(*opts): a training on Market, tested on MSMT17."""
    return lambda *opts: make_cfg("baseline/ma_ms.yml", "DATASETS.ROOT", str(data_root), *opts)


@pytest.fixture
def leak(data_root):
    """leak(folder, split): puts a copy of a test image among training images, Market's; returns both paths."""

    def leak(folder, split, place=shutil.copy, into=MARKET):
        train = sorted((data_root / into / "bounding_box_train").iterdir())[0]
        tested = sorted((data_root / folder / split).rglob("*.jpg"))[-1]  # the first ones are junk
        copy = train.with_name(f"{train.name[:7]}s9_999999_00.jpg")
        place(tested, copy)
        return copy, tested

    return leak


@pytest.mark.parametrize(
    "names, folder, split",
    [
        (("DG_MSMT17",), "MSMT17_V1", "test"),
        (("DG_MSMT17",), MARKET, "query"),  # the source's own test set, which no one tests on here
        (("DG_MSMT17",), MARKET, "bounding_box_test"),
        (("DG_MSMT17", "DG_DukeMTMC"), DUKE, "bounding_box_test"),
    ],
)
def test_a_copy_of_a_test_image_is_refused(make, leak, names, folder, split):
    copy, tested = leak(folder, split)
    with pytest.raises(InputError) as refused:
        data.check_leakage(make("DATASETS.TESTS", names))
    message = str(refused.value)
    assert message.startswith("1 of 49 training images are test images") and f"{copy} = {tested} (DG_" in message
    assert message.endswith("take them out of the training folder")


def test_no_leak_passes(make, leak):
    data.check_leakage(make())
    leak(DUKE, "query")  # neither a source nor tested
    data.check_leakage(make())


def test_an_image_of_another_content_and_the_same_size_is_no_copy(tmp_path):
    for name, colour in (("a", "red"), ("b", "blue"), ("c", "red")):
        Image.new("RGB", (4, 8), colour).save(tmp_path / f"{name}.bmp")
    a, b, c = (str(tmp_path / f"{name}.bmp") for name in "abc")
    assert same_images([a], [b]) == {} and same_images([a], [b, c]) == {a: c}


def test_the_same_pixels_in_another_shape_are_no_copy(tmp_path):
    for name, size in (("a", (4, 8)), ("b", (8, 4))):
        Image.new("RGB", size, "red").save(tmp_path / f"{name}.png")
    assert same_images([str(tmp_path / "a.png")], [str(tmp_path / "b.png")]) == {}


def with_a_comment(source, target):
    content = source.read_bytes()
    target.write_bytes(content[:2] + b"\xff\xfe\x00\x06note" + content[2:])  # a JPEG's comment: mark, length, text


def as_png(source, target):
    Image.open(source).save(target, "PNG")


@pytest.mark.parametrize("place", [with_a_comment, as_png])
def test_a_copy_of_other_bytes_and_the_same_pixels_is_refused(make, leak, place):
    copy, tested = leak("MSMT17_V1", "test", place)
    assert copy.read_bytes() != tested.read_bytes()
    with pytest.raises(InputError, match=f"{copy} = {tested} "):
        data.check_leakage(make())


def test_an_image_that_cannot_be_read_is_passed_over(make, leak):
    """Here: training reports it, or leaves it out."""
    leak("MSMT17_V1", "test", lambda source, target: target.write_bytes(source.read_bytes()[:100]))
    data.check_leakage(make())
    copy, _ = leak(MARKET, "query")
    with pytest.raises(InputError, match=f"1 of 49 training images are test images.*{copy}"):
        data.check_leakage(make())


def test_the_images_of_precise_bn_are_training_images(make, leak):
    copy, tested = leak("MSMT17_V1", "test", into=DUKE)
    opts = ("TEST.PRECISE_BN.DATASET", "DG_DukeMTMC")
    data.check_leakage(make(*opts))
    with pytest.raises(InputError, match=f"1 of 97 training .*{copy} = {tested} "):
        data.check_leakage(make(*opts, "TEST.PRECISE_BN.ENABLED", True))


@pytest.mark.parametrize("place", [os.symlink, os.link])
def test_a_link_is_the_same_file_and_is_not_read(make, leak, monkeypatch, place):
    copy, tested = leak("MSMT17_V1", "test", place)
    monkeypatch.setattr("dcac_fastreid.data.checks.leakage.pixel_hashes", lambda *_: {})
    assert same_images([str(copy)], [str(tested)]) == {str(copy): str(tested)}


def test_combineall_is_refused_where_that_set_is_tested(make):
    joined = ("DATASETS.COMBINEALL", True)
    data.check_leakage(make(*joined))
    with pytest.raises(
        InputError, match=r"\(DG_Market1501, query\).*set DATASETS.COMBINEALL False, or take the data set"
    ):
        data.check_leakage(make(*joined, "DATASETS.TESTS", ("DG_Market1501",)))


def test_fast_reids_own_class_of_a_source_is_compared_too(make):
    with pytest.raises(InputError, match=r"\(Market1501, query\)"):
        data.check_leakage(make("DATASETS.COMBINEALL", True, "DATASETS.TESTS", ("Market1501",)))


def test_an_image_that_is_not_there_is_no_leak(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    assert same_images([str(tmp_path / "link")], [str(tmp_path / "link")]) == {}


def test_the_trainer_and_the_command_line_refuse_before_anything_is_built(make, leak, tmp_path):
    leak("MSMT17_V1", "test")
    for begin in (DCACTrainer, lambda cfg: check_inputs(cfg, training=True)):
        with pytest.raises(InputError, match="are test images"):
            begin(make())
    check_inputs(make("MODEL.WEIGHTS", str(next(tmp_path.rglob("*.jpg")))), training=False)
    assert not (tmp_path / "out").exists()


def test_a_hash_is_kept_until_the_file_changes(tmp_path, monkeypatch):
    file = tmp_path / "image"
    file.write_bytes(b"one")
    (one,) = file_hashes([file]).values()
    assert one == "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"  # printf one | sha256sum
    file.write_bytes(b"two")
    os.utime(file, ns=(0, 0))
    assert file_hashes([file]) != {str(file): one}
    kept = file_hashes([file])
    monkeypatch.setattr("hashlib.sha256", lambda: pytest.fail("read again"))
    assert file_hashes([file]) == kept


def test_an_image_is_decoded_once(tmp_path, monkeypatch):
    image, broken = tmp_path / "image.png", tmp_path / "broken.png"
    Image.new("RGB", (4, 8), "red").save(image)
    broken.write_bytes(b"no image")
    (pixels,) = pixel_hashes([image, broken]).values()
    assert pixels not in file_hashes([image]).values(), "they are kept apart"
    monkeypatch.setattr("hashlib.sha256", lambda content: pytest.fail("decoded again"))
    assert pixel_hashes([image]) == {str(image): pixels}


def test_without_a_cache_hashes_are_computed(tmp_path, monkeypatch, logged):
    monkeypatch.setenv("DCAC_FASTREID_CACHE", str(tmp_path))
    (tmp_path / FILE).write_bytes(b"no database at all" * 100)
    (tmp_path / "image").write_bytes(b"one")
    (digest,) = file_hashes([tmp_path / "image"]).values()
    assert digest.startswith("7692c3ad") and "cannot be kept" in logged()[0]


def test_thousands_of_images_take_less_than_two_seconds(make, data_root):
    """As many as the default synthetic data set has, none of them hashed before; 0.6 s on a busy machine."""
    for folder in ("bounding_box_train", "bounding_box_test"):
        first = sorted((data_root / MARKET / folder).iterdir())[0]
        for number in range(1_230):
            shutil.copy(first, first.with_name(f"{first.name[:7]}s8_{number:06d}_00.jpg"))
    begin = time.process_time()  # of this process: others may keep the processor busy
    data.check_leakage(make())
    assert time.process_time() - begin < 2
