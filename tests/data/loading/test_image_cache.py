import numpy as np
import pytest
import torch
from PIL import Image

from dcac_fastreid.data import images
from dcac_fastreid.data.loading.image_cache import ImageCache
from dcac_fastreid.data.pixel_file import TRAIN, PixelFile
from dcac_fastreid.errors import InputError
from fastreid.data.build import fast_batch_collator
from fastreid.data.common import CommDataset
from fastreid.data.transforms import build_transforms

SIZE = (128, 64)


@pytest.fixture
def make(make_cfg, tmp_path, monkeypatch):
    """The host's test set of seven images of noise, 3 people and 2 cameras, and a cache of them."""
    monkeypatch.setenv("DCAC_FASTREID_CACHE", str(tmp_path / "cache"))

    def make():
        random = np.random.default_rng(0)
        items = []
        for number, shape in enumerate([(128, 64, 3), (300, 110, 3), (40, 30, 3), (64, 128, 3), (90, 90), (7, 5, 3)]):
            path = tmp_path / f"{number}.{'png' if number % 2 else 'jpg'}"
            Image.fromarray(random.integers(0, 256, shape, dtype=np.uint8)).save(path)
            items.append((str(path), f"person_{number % 3}", f"camera_{number % 2}"))
        items.append(items[1])  # an image may be in a list twice
        plain = CommDataset(items, build_transforms(make_cfg(), is_train=False), relabel=True)
        return plain, ImageCache(plain, PixelFile(TRAIN, SIZE))

    return make


def test_pixels_are_those_of_fast_reids_transforms(make):
    plain, cache = make()
    pixels = cache.batch(range(7), torch.device("cpu"))["images"]
    assert pixels.shape == (7, 3, *SIZE) and pixels.dtype == torch.uint8
    for index in range(7):
        assert torch.equal(pixels[index].float(), plain[index]["images"])


def test_a_batch_is_that_of_fast_reids_collator(make):
    plain, cache = make()
    indices = [4, 1, 1, 6, 0]
    expected = fast_batch_collator([plain[index] for index in indices])
    batch = cache.batch(indices, torch.device("cpu"))
    assert list(batch) == list(expected) and batch["img_paths"] == expected["img_paths"]
    for key in ("images", "targets", "camids"):
        assert torch.equal(batch[key].to(expected[key].dtype), expected[key])
    assert batch["targets"].dtype == batch["camids"].dtype == torch.int64


def test_images_are_decoded_when_they_are_first_asked_for_and_once(make, monkeypatch):
    decoded, decode = [], images.decode_image
    monkeypatch.setattr(images, "decode_image", lambda file, name: decoded.append(name) or decode(file, name))
    plain, cache = make()
    assert len(cache) == 7 and decoded == []
    for again in (cache, cache, ImageCache(plain, PixelFile(TRAIN, SIZE))):
        again.batch([0], torch.device("cpu"))
    assert sorted(decoded) == sorted({item[0] for item in plain.img_items})


def test_a_batch_is_nobody_elses(make):
    """Who writes to it does not write to the cache."""
    _, cache = make()
    before = cache.kept[0].clone()
    for key in ("images", "targets", "camids"):
        cache.batch([0, 1], torch.device("cpu"))[key].zero_()
    assert torch.equal(cache.kept[0], before)
    assert cache.batch([1], torch.device("cpu"))["targets"].tolist() == [1]


def test_a_broken_image_is_named_and_the_others_are_kept(make, tmp_path, monkeypatch):
    plain, cache = make()
    broken, sound = tmp_path / "3.png", (tmp_path / "3.png").read_bytes()
    broken.write_bytes(sound[:-100])
    with pytest.raises(InputError, match=f"{broken} cannot be read.*DATALOADER.SKIP_CORRUPT"):
        cache.batch([0], torch.device("cpu"))
    broken.write_bytes(sound)
    assert len(PixelFile(TRAIN, SIZE).read(item[0] for item in plain.img_items).places) == 5
    assert torch.equal(cache.batch([3], torch.device("cpu"))["images"][0].float(), plain[3]["images"])
