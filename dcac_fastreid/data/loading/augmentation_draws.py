"""Where does the augmentation crop, flip and erase the images of a batch? Drawn as fast-reid draws it, of the same seed."""

from typing import NamedTuple

import numpy as np
import torch

from dcac_fastreid.data.loading.transforms import ERASING, ErasingGeometry

LIKELY = 10  # attempts that the images of a batch do not exceed in the mean


class Draw(NamedTuple):
    """Of one image, in pixels. The erased rectangle lies in the image that is cropped and flipped; without one all are 0."""

    top: int  # of the crop, in the padded image
    left: int
    flipped: bool
    erased_top: int
    erased_left: int
    erased_bottom: int  # the first row behind it
    erased_right: int


def draw_augmentation(
    count: int,
    seed: int,
    *,
    size: tuple[int, int],
    padding: int,
    flip: float | None,
    erase: float | None,
    geometry: ErasingGeometry = ERASING["torchvision"],
) -> list[Draw]:
    """What torchvision's RandomCrop, RandomHorizontalFlip and RandomErasing draw for image after image behind a seed.

    They ask PyTorch's generator for each number by itself, about two milliseconds for 64 images, which a GPU that trains
    them in nine would wait for. That generator is the Mersenne Twister, as NumPy's RandomState, which makes the numbers of a
    batch at once. (In a version of PyTorch that draws otherwise this stays fast-reid's distributions, other draws.)

    Args:
        seed: in [0, 2**32).
        size: (H, W) of an image before padding and after cropping.
        padding: pixels at every side; 0: nothing is cropped, nor drawn for it.
        flip, erase: probabilities; None: there is no such transform, nothing is drawn for it.
        geometry: of "original", the draws are those of OriginalErasing.
    """
    numbers = count * (2 + 1 + 1 + 2 * min(geometry.attempts, LIKELY) + 2)  # crop, flip, erase or not, attempts, place
    try:
        return _draws(count, seed, numbers, size, padding, flip, erase, geometry)
    except IndexError:  # of images at which nearly no rectangle fits
        numbers = count * (2 + 1 + 1 + 2 * geometry.attempts + 2)
        return _draws(count, seed, numbers, size, padding, flip, erase, geometry)


def _draws(count, seed, most, size, padding, flip, erase, geometry) -> list[Draw]:
    """As draw_augmentation, of at most so many numbers. Raises IndexError: they are too few."""
    height, width = size
    numbers = np.random.RandomState(seed).randint(0, 2**32, most, dtype=np.uint32)
    units = (numbers & 0xFFFFFF) / 2**24  # PyTorch takes the lower 24 bits for a float
    flips, erases = (units < np.float32(chance or 0) for chance in (flip, erase))
    heights, widths = _erased_sizes(units, height * width, geometry)
    numbers, flips, erases = numbers.tolist(), flips.tolist(), erases.tolist()
    draws, at = [], 0
    for _ in range(count):
        top = left = 0
        flipped, erased = False, (0, 0, 0, 0)
        if padding:
            top, left = (number % (2 * padding + 1) for number in numbers[at : at + 2])
            at += 2
        if flip is not None:
            flipped = flips[at]
            at += 1
        if erase is not None:
            attempts = geometry.attempts if erases[at] else 0
            at += 1
            for _ in range(attempts):
                h, w = heights[at], widths[at]
                at += 2
                if h < height and w < width:
                    y, x = numbers[at] % (height - h + 1), numbers[at + 1] % (width - w + 1)
                    at += 2
                    erased = (y, x, y + h, x + w)
                    break
        draws.append(Draw(top, left, flipped, *erased))
    return draws


def _erased_sizes(units: np.ndarray, area: int, geometry: ErasingGeometry) -> tuple[list[int], list[int]]:
    """Height and width of the rectangle that an attempt at each of the numbers, which takes it and the next, would erase."""
    areas = area * _uniform(units[:-1], *np.float32(geometry.area)).astype(float)
    if geometry.ratio_by_logarithm:
        log_ratio = torch.log(torch.tensor(geometry.ratio)).numpy()
        ratios = torch.exp(torch.from_numpy(_uniform(units[1:], *log_ratio))).numpy().astype(float)
    else:
        ratios = _uniform(units[1:], *np.float32(geometry.ratio)).astype(float)
    return np.rint(np.sqrt(areas * ratios)).astype(int).tolist(), np.rint(np.sqrt(areas / ratios)).astype(int).tolist()


def _uniform(units: np.ndarray, low: np.float32, high: np.float32) -> np.ndarray:
    """torch.Tensor.uniform_ in float32, to the bit."""
    return (units * float(high - low) + float(low)).astype(np.float32)
