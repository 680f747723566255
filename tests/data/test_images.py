import os

import numpy as np
import pytest
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from dcac_fastreid.data import read_image
from dcac_fastreid.errors import InputError
from fastreid.data import data_utils
from fastreid.data.common import CommDataset

RAMP = np.linspace(0, 255, 32, dtype=np.uint8).reshape(8, 4)  # grey values 0 to 255


def grey(image):
    pixels = np.asarray(image)
    assert image.mode == "RGB" and pixels.shape == (8, 4, 3) and (pixels == pixels[..., :1]).all()
    return pixels[..., 0]


@pytest.mark.parametrize("name", ["colours.jpg", "colours.png", "grey.jpg", "turned.jpg"])
def test_plain_images_are_read_as_by_fast_reid(tmp_path, name):
    shape = (8, 4) if name == "grey.jpg" else (8, 4, 3)
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8))
    exif = Image.Exif()
    if name == "turned.jpg":
        exif[0x0112] = 6  # to be turned by 90 degrees
    image.save(tmp_path / name, exif=exif)
    ours, theirs = read_image(str(tmp_path / name)), data_utils.read_image(str(tmp_path / name))
    assert ours.mode == "RGB" and ours.size == ((8, 4) if name == "turned.jpg" else (4, 8))
    assert np.array_equal(np.asarray(ours), np.asarray(theirs))


@pytest.mark.parametrize("name", ["16bit.png", "16bit.tif"])
def test_of_16_bits_the_upper_8_are_kept(tmp_path, name):
    path = str(tmp_path / name)
    Image.fromarray((RAMP.astype(np.uint16) << 8) + 17).save(path)
    with pytest.raises(TypeError, match="Cannot handle this data type"):
        data_utils.read_image(path)
    with Image.open(path) as clipped:
        assert (np.asarray(clipped.convert("RGB"))[1:] == 255).all()
    assert np.array_equal(grey(read_image(path)), RAMP)


def test_32_bits_that_hold_16_are_read_and_more_are_refused(tmp_path):
    Image.fromarray(RAMP.astype(np.int32) << 8).save(tmp_path / "16in32.tif")
    assert np.array_equal(grey(read_image(str(tmp_path / "16in32.tif"))), RAMP)
    for name, pixels in (("32.tif", RAMP.astype(np.int32) << 16), ("float.tif", RAMP / np.float32(255))):
        Image.fromarray(pixels).save(tmp_path / name)
        with pytest.raises(
            InputError, match=f"{name} cannot be read as an image: its values, 0.* are not of 8 or 16 bits"
        ):
            read_image(str(tmp_path / name))


def test_one_bit_is_black_and_white(tmp_path):
    path = str(tmp_path / "1bit.png")
    Image.fromarray(RAMP > 100).save(path)
    with pytest.raises(TypeError, match="Cannot handle this data type"):
        data_utils.read_image(path)
    assert np.array_equal(grey(read_image(path)), np.where(RAMP > 100, 255, 0))


def test_a_palette_gives_its_colours(tmp_path):
    """fast-reid takes the colours' numbers for grey values."""
    path = str(tmp_path / "palette.png")
    image = Image.new("P", (4, 8), 1)
    image.putpalette([9, 9, 9, 200, 100, 50])
    image.save(path)
    assert (np.asarray(data_utils.read_image(path)) == 1).all()
    assert (np.asarray(read_image(path)) == [200, 100, 50]).all()


@pytest.mark.parametrize(("mode", "channels"), [("LA", 2), ("RGBA", 4)])
def test_alpha_is_dropped(tmp_path, mode, channels):
    path = str(tmp_path / "alpha.png")
    image = Image.fromarray(RAMP).convert(mode)
    image.putalpha(Image.fromarray(RAMP[::-1].copy()))
    image.save(path)
    assert np.asarray(data_utils.read_image(path)).shape == (8, 4, channels)
    assert np.array_equal(grey(read_image(path)), RAMP)


def test_cmyk_is_converted(tmp_path):
    path = str(tmp_path / "cmyk.tif")
    Image.new("CMYK", (4, 8), (0, 255, 255, 0)).save(path)
    assert np.asarray(data_utils.read_image(path)).shape == (8, 4, 4)
    assert (np.asarray(read_image(path)) == [255, 0, 0]).all()


def damaged(path, damage):
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 32, 3), dtype=np.uint8)).save(path)
    content = {"cut": path.read_bytes()[:900], "empty": b"", "text": b"<html>not found</html>"}[damage]
    path.write_bytes(content)
    return str(path)


@pytest.mark.parametrize(
    ("name", "damage", "reason"),
    [
        ("a.jpg", "cut", "truncated|data stream"),
        ("a.png", "cut", "truncated|data stream"),
        ("a.jpg", "empty", "it is empty"),
        ("a.jpg", "text", "it is an HTML page"),
    ],
)
def test_a_damaged_file_is_an_error_of_one_line_that_names_it(tmp_path, name, damage, reason):
    path = damaged(tmp_path / name, damage)
    with pytest.raises(
        InputError, match=rf"^{path} cannot be read as an image: .*({reason}).*; copy it again"
    ) as error:
        read_image(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("failure", [MemoryError(), OSError(5, "Input/output error")])
def test_what_the_machine_lacks_is_no_fault_of_the_image(tmp_path, monkeypatch, failure):
    def fail(file, **_):
        raise failure

    (tmp_path / "a.jpg").write_bytes(b"")
    monkeypatch.setattr(Image, "open", fail)
    with pytest.raises(type(failure)):
        read_image(str(tmp_path / "a.jpg"))


def test_a_file_that_is_gone_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="gone.jpg"):
        read_image(str(tmp_path / "gone.jpg"))


def test_the_sentence_is_the_last_line_of_a_loader_processs_error(tmp_path):
    path = damaged(tmp_path / "a.jpg", "cut")
    batches = iter(torch.utils.data.DataLoader(CommDataset([(path, "own_1", "own_0")]), num_workers=1))
    with pytest.raises(InputError) as error:
        next(batches)
    batches._shutdown_workers()  # else the garbage collector does it, and waits five seconds
    assert (
        str(error.value).strip().splitlines()[-1].startswith(f"dcac_fastreid.errors.InputError: {path} cannot be read")
    )


def refusal(path):
    with pytest.raises(InputError) as error:
        read_image(str(path))
    assert str(error.value).startswith(f"{path} cannot be read as an image: ") and "\n" not in str(error.value)
    return str(error.value)


def test_an_image_of_too_many_pixels_is_to_be_shrunk(tmp_path, monkeypatch):
    Image.new("1", (200, 100)).save(tmp_path / "large.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 5_000)
    sentence = refusal(tmp_path / "large.png")
    assert "it has 20,000 pixels" in sentence and "at most 10,000 are read; shrink it, or cut" in sentence
    assert "copy" not in sentence


def test_text_that_unpacks_to_too_much_is_no_damage(tmp_path):
    info = PngInfo()
    info.add_text("comment", "0" * 2**24, zip=True)
    Image.new("RGB", (4, 8)).save(tmp_path / "bomb.png", pnginfo=info)
    assert refusal(tmp_path / "bomb.png").endswith("; save it without them")


@pytest.mark.parametrize(
    ("content", "kind", "next_step"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "(HEIC, whatever its name)", "convert it to .jpg or .png"),
        (b"<!DOCTYPE html><html>", "an HTML page", "copy it again"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0",
            "a Git LFS pointer",
            "; fetch that with `git lfs pull`",
        ),
        (b"\0" * 100, "no known image format", "copy it again"),
    ],
)
def test_what_is_no_image_is_called_what_it_is(tmp_path, content, kind, next_step):
    (tmp_path / "a.jpg").write_bytes(content)
    sentence = refusal(tmp_path / "a.jpg")
    assert kind in sentence and sentence.endswith(next_step)


def test_nothing_is_waited_for_that_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    for name in ("pipe.jpg", "folder.jpg"):
        assert "it is a folder, a pipe or a device; name a file" in refusal(tmp_path / name)


@pytest.mark.parametrize("name", ["two.gif", "two.webp", "two.tif", "two.png"])
def test_of_several_images_in_a_file_it_is_the_first(tmp_path, name):
    red, blue = Image.new("RGB", (4, 8), "red"), Image.new("RGB", (4, 8), "blue")
    red.save(tmp_path / name, save_all=True, append_images=[blue], **({"lossless": True} if name == "two.webp" else {}))
    assert (np.asarray(read_image(str(tmp_path / name))) == [255, 0, 0]).all()
