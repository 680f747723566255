from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dcac_fastreid.deploy.images import encoder_input, images_in, photos_of, readable
from dcac_fastreid.deploy.without_torch.given_images import as_list
from dcac_fastreid.errors import InputError


@pytest.fixture
def photo(tmp_path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 255, (50, 30, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def test_every_kind_of_image_is_the_same_input(photo, encoder):
    expected = encoder_input(photo, encoder.transform, encoder.input_size)
    pixels = np.asarray(Image.open(photo))
    tensor = torch.from_numpy(pixels.copy()).permute(2, 0, 1)
    assert expected.shape == (3, *encoder.input_size) and expected.max() > 1
    for kind in (str(photo), Image.open(photo), pixels, tensor, expected, expected.double()):
        assert torch.equal(encoder_input(kind, encoder.transform, encoder.input_size), expected), type(kind)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1", "I;16"])
def test_an_opened_image_is_read_as_its_file(mode, photo, encoder):
    image = Image.open(photo).convert("L" if mode == "I;16" else mode)
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image).astype(np.uint16) << 8)
    file = photo.with_name("turned.jpg" if mode == "CMYK" else "turned.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    image.save(file, exif=exif)
    of_file = encoder_input(file, encoder.transform, encoder.input_size)
    assert torch.equal(encoder_input(Image.open(file), encoder.transform, encoder.input_size), of_file)


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        ("none.jpg", "there is no image none.jpg"),
        (np.zeros((4, 4, 3)), r"an array is \(4, 4, 3\), float64; expected .* uint8"),
        (np.zeros((3, 4, 4), dtype=np.uint8), r"an array is \(3, 4, 4\), uint8; expected \(H, W, 3\)"),
        (torch.zeros(4, 4, 3, dtype=torch.uint8), r"a tensor is \(4, 4, 3\), torch.uint8; expected \(3, H, W\)"),
        (torch.zeros(3, 4, 4, dtype=torch.int64), "a tensor is .*torch.int64"),
        (torch.full((3, 4, 4), 9.0), r"a float tensor is \(3, 4, 4\), .* expected the input size \(3, 128, 64\)"),
        (torch.rand(3, 128, 64), r"values from .* to .*; expected RGB in \[0, 255\]"),
        (torch.randn(3, 128, 64), r"values from -.*; expected RGB in \[0, 255\]"),
        (torch.full((3, 128, 64), torch.nan), "values from nan to nan"),
        (7, r"expected an image \(a path, a PIL image, an array or a tensor\) or a list of images, got 7"),
    ],
)
def test_what_is_no_image_is_one_sentence(image, sentence, encoder):
    with pytest.raises(InputError, match=f"^[^\n]*{sentence}"):
        encoder_input(image, encoder.transform, encoder.input_size)


def test_an_opened_image_that_is_cut_off_is_one_sentence(photo, encoder):
    photo.write_bytes(photo.read_bytes()[:-500])
    with pytest.raises(InputError, match="^a PIL image cannot be read: "):
        encoder_input(Image.open(photo), encoder.transform, encoder.input_size)


def test_one_image_a_list_and_a_batch(photo):
    array, tensor = np.zeros((2, 5, 5, 3), dtype=np.uint8), torch.zeros(2, 3, 5, 5)
    assert as_list(str(photo)) == [str(photo)] and as_list([photo, photo]) == [photo, photo]
    assert len(as_list(array)) == len(as_list(tensor)) == 2
    assert as_list(array[0])[0].shape == (5, 5, 3) and as_list(tensor[0])[0].shape == (3, 5, 5)


def test_images_are_found_at_any_depth_and_hidden_ones_passed_over(tmp_path):
    for name in ("b.JPG", "a/c.png", "a/deep/d.webp", ".hidden/e.jpg", "a/._c.png", "notes.txt", "folder.jpg/f.jpeg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = [file.relative_to(tmp_path).as_posix() for file in images_in(tmp_path)]
    assert found == ["a/c.png", "a/deep/d.webp", "b.JPG", "folder.jpg/f.jpeg"]


def test_a_folder_without_images_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match="holds no image"):
        images_in(tmp_path)
    with pytest.raises(InputError, match="there is no folder .*none"):
        images_in(tmp_path / "none")
    (tmp_path / "someone.jpg").touch()
    with pytest.raises(InputError, match="someone.jpg is a file; expected a folder"):
        images_in(tmp_path / "someone.jpg")


def test_unreadable_images_are_all_named(photo):
    broken = [photo.with_name(name) for name in ("broken.jpg", "empty.jpg")]
    broken[0].write_bytes(photo.read_bytes()[:90])
    broken[1].touch()
    with pytest.raises(
        InputError, match="^2 of 3 images cannot be read: .*broken.jpg, .*empty.jpg; .*--skip-unreadable"
    ):
        readable([*broken, photo], skip=False, what="photos")
    assert readable([*broken, photo], skip=True, what="photos") == ([photo], broken)
    with pytest.raises(InputError, match="^2 of 2 images cannot be read: [^;]*; copy them again$"):
        readable(broken, skip=True, what="photos")


def test_photos_are_files_and_what_folders_hold(photo):
    broken = photo.with_name("broken.jpg")
    broken.touch()
    assert photos_of([photo.parent, photo], skip_unreadable=True) == ([photo, photo], [broken])
    with pytest.raises(InputError, match="^1 of 2 images cannot be read: .*broken.jpg; .* by --skip-unreadable$"):
        photos_of([photo.parent], skip_unreadable=False)
    with pytest.raises(InputError, match="^1 of 1 image cannot be read: [^;]*; copy them again$"):
        photos_of([broken], skip_unreadable=False)
    with pytest.raises(InputError, match="^there is no image none.jpg$"):
        photos_of(["none.jpg"], skip_unreadable=True)
