import pytest
import torch
from torchvision import transforms as T

from dcac_fastreid.data.loading.augmentation_draws import Draw, draw_augmentation
from dcac_fastreid.data.loading.seeded import seeded

NO_ERASING = (0, 0, 0, 0)


def as_torchvision(count, seed, *, size, padding, flip, erase):
    """The draws of torchvision's own transforms, called one after the other for image after image."""
    padded = torch.empty(3, size[0] + 2 * padding, size[1] + 2 * padding, device="meta")
    image = torch.empty(3, *size, device="meta")
    erasing, draws = T.RandomErasing(value=1.0), []
    with seeded(seed):
        for _ in range(count):
            top, left, _, _ = T.RandomCrop.get_params(padded, size) if padding else (0, 0, 0, 0)
            flipped = flip is not None and bool(torch.rand(1) < flip)
            erased = NO_ERASING
            if erase is not None and torch.rand(1) < erase:
                y, x, h, w, value = erasing.get_params(image, erasing.scale, erasing.ratio, [1.0])
                erased = NO_ERASING if value is image else (y, x, y + h, x + w)
            draws.append(Draw(top, left, flipped, *erased))
    return draws


@pytest.mark.parametrize(
    "settings",
    [
        {"size": (256, 128), "padding": 10, "flip": 0.5, "erase": 0.5},
        {"size": (128, 64), "padding": 5, "flip": 0.3, "erase": 0.9},
        {"size": (128, 64), "padding": 0, "flip": 0.5, "erase": 0.1},
        {"size": (128, 64), "padding": 5, "flip": None, "erase": 0.5},
        {"size": (128, 64), "padding": 5, "flip": 0.5, "erase": None},
        {"size": (300, 20), "padding": 2, "flip": 1.0, "erase": 1.0},  # where many rectangles do not fit
        {"size": (1, 1), "padding": 0, "flip": 0.0, "erase": 1.0},  # where some are of no height or width
    ],
)
def test_draws_are_torchvisions_of_the_same_seed(settings):
    """Should a version of PyTorch draw otherwise, this alone fails; the distributions are held below."""
    for seed in (0, 1, 7, 2**32 - 1, *range(1000, 1010)):
        assert draw_augmentation(64, seed, **settings) == as_torchvision(64, seed, **settings)


def test_an_image_is_left_whole_where_all_attempts_fail():
    tall = draw_augmentation(2000, 0, size=(300, 20), padding=0, flip=None, erase=1.0)
    assert 0 < sum(draw[3:] == NO_ERASING for draw in tall) < 2000


def test_distributions_are_those_that_the_settings_name():
    count = 20_000
    draws = torch.tensor(draw_augmentation(count, 3, size=(256, 128), padding=10, flip=0.5, erase=0.4)).double()
    top, left, flipped, y, x, bottom, right = draws.T
    for offset in (top, left):  # uniform over 0..20: chi-square of 20 degrees of freedom, 45.3 at 0.1 %
        counts = torch.bincount(offset.long(), minlength=21)
        assert len(counts) == 21 and ((counts - count / 21) ** 2 / (count / 21)).sum() < 45.3
    assert flipped.mean().item() == pytest.approx(0.5, abs=0.015)
    erased = bottom > 0
    assert erased.double().mean().item() == pytest.approx(0.4, abs=0.015)
    height, width = (bottom - y)[erased], (right - x)[erased]
    share, ratio = height * width / (256 * 128), (height / width).log()
    # At 256 x 128 the rectangles that do not fit are large and wide, which are tried again: a little below the middles.
    assert share.min() > 0.018 and share.max() < 0.335 and share.mean().item() == pytest.approx(0.165, abs=0.015)
    assert ratio.mean().item() == pytest.approx(0.09, abs=0.06)
    # Of what is left beside the rectangle, half lies above it and half to its left.
    above, beside = y[erased] / (256 - height), x[erased] / (128 - width)
    assert above.mean().item() == pytest.approx(0.5, abs=0.02) and beside.mean().item() == pytest.approx(0.5, abs=0.02)
