import numpy as np
import pytest
import torch
from PIL import Image

from dcac_fastreid.data.loading import pixel_storage
from dcac_fastreid.data.loading.image_cache import ImageCache
from dcac_fastreid.errors import InputError
from fastreid.data import common
from fastreid.data.build import fast_batch_collator
from fastreid.data.common import CommDataset
from fastreid.data.transforms import build_transforms

SIZE = (128, 64)


@pytest.fixture
def make(make_cfg, tmp_path):
    """The host's test set of seven images of noise, 3 people and 2 cameras, and a cache of them."""

    def make():
        random = np.random.default_rng(0)
        items = []
        for number, shape in enumerate([(128, 64, 3), (300, 110, 3), (40, 30, 3), (64, 128, 3), (90, 90), (7, 5, 3)]):
            path = tmp_path / f"{number}.{'png' if number % 2 else 'jpg'}"
            Image.fromarray(random.integers(0, 256, shape, dtype=np.uint8)).save(path)
            items.append((str(path), f"person_{number % 3}", f"camera_{number % 2}"))
        items.append(items[1])  # an image may be in a list twice
        plain = CommDataset(items, build_transforms(make_cfg(), is_train=False), relabel=True)
        return plain, ImageCache(plain, plain.transform.transforms[0], SIZE)

    return make


@pytest.mark.parametrize("memory", [10**9, 0])
def test_pixels_are_those_of_fast_reids_transforms(make, monkeypatch, memory):
    """In memory and in a file."""
    monkeypatch.setattr(pixel_storage, "available_memory", lambda: memory)
    plain, cache = make()
    assert cache.images.shape == (7, 3, *SIZE) and cache.images.dtype == torch.uint8
    for index in range(7):
        assert torch.equal(cache.images[index].float(), plain[index]["images"])


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
    read, host = [], common.read_image
    monkeypatch.setattr(common, "read_image", lambda path: read.append(path) or host(path))
    plain, cache = make()
    assert len(cache) == 7 and read == []
    for _ in range(2):
        cache.batch([0], torch.device("cpu"))
    assert sorted(read) == sorted(item[0] for item in plain.img_items)


def test_a_batch_is_nobody_elses(make):
    """Who writes to it does not write to the cache."""
    _, cache = make()
    before = cache.images.clone()
    for key in ("images", "targets", "camids"):
        cache.batch([0, 1], torch.device("cpu"))[key].zero_()
    assert torch.equal(cache.images, before)
    assert cache.batch([1], torch.device("cpu"))["targets"].tolist() == [1]


def test_a_broken_image_is_named(make, tmp_path):
    _, cache = make()
    broken = tmp_path / "3.png"
    broken.write_bytes(broken.read_bytes()[:-100])
    with pytest.raises(InputError, match=f"{broken} cannot be read.*DATALOADER.SKIP_CORRUPT"):
        cache.images  # noqa: B018
