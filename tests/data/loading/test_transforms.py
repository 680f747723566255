import random

import numpy as np
import pytest
import torch
from PIL import Image

from dcac_fastreid import data
from dcac_fastreid.data.loading.augmentation_draws import draw_augmentation
from dcac_fastreid.data.loading.cached_loaders import CachedTrainLoader
from dcac_fastreid.data.loading.seeded import seeded
from dcac_fastreid.data.loading.transforms import ERASING, OriginalErasing
from fastreid.data.transforms import build_transforms


@pytest.fixture(scope="module")
def photo():
    pixels = np.random.default_rng(0).integers(0, 255, (12, 6, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((61, 143), Image.Resampling.BICUBIC)


@pytest.mark.parametrize("name", ["bicubic", "bilinear"])
def test_test_images_are_resized_as_the_key_says(make_cfg, photo, name):
    cfg = make_cfg("ma_ms.yml", *(() if name == "bicubic" else ("INPUT.TEST_INTERPOLATION", name)))
    expected = photo.resize((64, 128), Image.Resampling[name.upper()])
    result = data.test_transforms(cfg)(photo)
    assert torch.equal(result, torch.from_numpy(np.array(expected)).permute(2, 0, 1).float())


def test_training_and_prototypes_stay_bicubic(make_cfg):
    plain, other = (make_cfg("ma_ms.yml", *opts) for opts in ((), ("INPUT.TEST_INTERPOLATION", "bilinear")))
    batches, tests = [], []
    for cfg in (plain, other):
        loader = data.build_train_loader(cfg)
        batches.append([next(iter(loader))["images"], next(iter(data.build_plain_train_loader(cfg, loader)))["images"]])
        tests.append(next(iter(data.build_test_loader(cfg, "DG_MSMT17")[0]))["images"])
    assert all(torch.equal(one, two) for one, two in zip(*batches, strict=True))
    difference = (tests[0] - tests[1]).abs()
    assert 0 < difference.mean() < 5


def test_the_default_is_fast_reids_own(make_cfg):
    cfg = make_cfg()
    for ours, train in ((data.train_transforms, True), (data.test_transforms, False)):
        assert repr(ours(cfg)) == repr(build_transforms(cfg, is_train=train))


def erased_share(ratio_by_logarithm, area, ratio, attempts, seed=0, images=40_000, height=256, width=128):
    """Mean share of an image that random erasing of probability 0.5 takes, transcribed from FACTS with Python's own numbers."""
    drawn, total = random.Random(seed), 0
    for _ in range(images):
        if drawn.random() >= 0.5:
            continue
        for _ in range(attempts):
            target = drawn.uniform(*area) * height * width
            low, high = np.log(ratio) if ratio_by_logarithm else ratio
            drawn_ratio = drawn.uniform(low, high)
            aspect = np.exp(drawn_ratio) if ratio_by_logarithm else drawn_ratio
            h, w = int(round((target * aspect) ** 0.5)), int(round((target / aspect) ** 0.5))
            if h < height and w < width:
                total += h * w
                break
    return total / (images * height * width)


@pytest.mark.parametrize(
    ("geometry", "share", "transcribed"),
    [
        ("torchvision", 0.082, (True, (0.02, 0.33), (0.3, 3.3), 10)),
        ("original", 0.103, (False, (0.02, 0.4), (0.3, 1 / 0.3), 100)),
    ],
)
def test_so_much_of_an_image_is_erased_in_the_mean(geometry, share, transcribed):
    """FACTS: 8.2 % and 10.3 %."""
    settings = {"size": (256, 128), "padding": 10, "flip": 0.5, "erase": 0.5, "geometry": ERASING[geometry]}
    draws = torch.tensor(draw_augmentation(40_000, 1, **settings)).double()
    measured = ((draws[:, 5] - draws[:, 3]) * (draws[:, 6] - draws[:, 4])).mean().item() / (256 * 128)
    assert measured == pytest.approx(share, abs=0.002)
    assert measured == pytest.approx(erased_share(*transcribed), abs=0.0015)


@pytest.mark.parametrize("size", [(256, 128), (300, 20), (1, 1)])
def test_batches_are_erased_as_the_transform_of_one_image_erases(size):
    """Of one seed the same rectangles; at 300 x 20, where few fit, with many attempts."""
    settings = {"size": size, "padding": 0, "flip": None, "erase": 0.9, "geometry": ERASING["original"]}
    image, erase = torch.zeros(3, *size), OriginalErasing(p=0.9, value=[1.0, 2.0, 3.0])
    for seed in (0, 1, 2**32 - 1):
        draws = draw_augmentation(64, seed, **settings)
        with seeded(seed):
            for draw in draws:
                expected = image.clone()
                rows, columns = (
                    slice(draw.erased_top, draw.erased_bottom),
                    slice(draw.erased_left, draw.erased_right),
                )
                expected[:, rows, columns] = torch.tensor([1.0, 2.0, 3.0])[:, None, None]
                assert torch.equal(erase(image), expected)


def test_the_loaders_erase_alike_with_and_without_the_cache(make_cfg):
    opts = ("INPUT.REA.GEOMETRY", "original", "INPUT.REA.PROB", 1.0, "SEED", 3, "DATALOADER.CACHE_IMAGES")
    cached, host = (data.build_train_loader(make_cfg("ma_ms.yml", *opts, cache)) for cache in (True, False))
    assert isinstance(cached, CachedTrainLoader) and not isinstance(host, CachedTrainLoader)
    default = data.build_train_loader(make_cfg("ma_ms.yml", "INPUT.REA.PROB", 1.0, "SEED", 3))
    one, two, three = (next(iter(loader))["images"] for loader in (cached, host, default))
    assert torch.equal(one, two) and not torch.equal(one, three)


@pytest.mark.parametrize(
    "opts",
    [
        (),
        ("INPUT.SIZE_TEST", [96], "INPUT.CROP.ENABLED", True, "INPUT.CROP.SIZE", [64]),  # as fast-reid's FastClas
        ("INPUT.CROP.ENABLED", True, "INPUT.CROP.SIZE", [48, 32]),
    ],
)
def test_the_size_of_a_test_image_is_that_of_its_transform(make_cfg, photo, opts):
    cfg = make_cfg("ma_ms.yml", *opts)
    assert data.test_size(cfg) == tuple(data.test_transforms(cfg)(photo).shape[1:])
