"""fast-reid's transforms with what its keys do not say: how test images are resized, and what random erasing draws."""

from typing import NamedTuple

import torch
from torch import Tensor
from torchvision import transforms as T

from fastreid.data.transforms import build_transforms


class ErasingGeometry(NamedTuple):
    """Of the rectangle that random erasing draws."""

    area: tuple[float, float]  # share of the image, drawn evenly
    ratio: tuple[float, float]  # height / width
    ratio_by_logarithm: bool  # whether its logarithm is drawn evenly, else the ratio itself
    attempts: int  # how often it tries a rectangle that does not fit; then the image stays whole


# By INPUT.REA.GEOMETRY.
ERASING = {
    "torchvision": ErasingGeometry((0.02, 0.33), (0.3, 3.3), True, 10),
    "original": ErasingGeometry((0.02, 0.4), (0.3, 1 / 0.3), False, 100),
}
INTERPOLATIONS = {"bicubic": T.InterpolationMode.BICUBIC, "bilinear": T.InterpolationMode.BILINEAR}


class OriginalErasing(T.RandomErasing):
    """torchvision's, with the rectangles of ERASING["original"]."""

    @staticmethod
    def get_params(img: Tensor, scale, ratio, value) -> tuple:
        """As torchvision's; scale and ratio, which are torchvision's, are not used."""
        geometry = ERASING["original"]
        channels, height, width = img.shape
        for _ in range(geometry.attempts):
            area = height * width * torch.empty(1).uniform_(*geometry.area).item()
            ratio = torch.empty(1).uniform_(*geometry.ratio).item()
            h, w = round((area * ratio) ** 0.5), round((area / ratio) ** 0.5)
            if h < height and w < width:
                y = torch.randint(0, height - h + 1, (1,)).item()
                x = torch.randint(0, width - w + 1, (1,)).item()
                return y, x, h, w, torch.tensor(value)[:, None, None]
        return 0, 0, height, width, img


def train_transforms(cfg) -> T.Compose:
    """fast-reid's for training, with INPUT.REA.GEOMETRY."""
    transforms = build_transforms(cfg, is_train=True)
    if cfg.INPUT.REA.GEOMETRY == "original":
        steps = transforms.transforms
        steps[:] = [
            OriginalErasing(step.p, value=step.value) if isinstance(step, T.RandomErasing) else step for step in steps
        ]
    return transforms


def test_transforms(cfg) -> T.Compose:
    """fast-reid's for testing, with INPUT.TEST_INTERPOLATION."""
    transforms = build_transforms(cfg, is_train=False)
    for step in transforms.transforms:
        if isinstance(step, T.Resize):
            step.interpolation = INTERPOLATIONS[cfg.INPUT.TEST_INTERPOLATION]
    return transforms


def test_size(cfg) -> tuple[int, int]:
    """Height and width of a test image: of a config with INPUT.CROP what is cropped; one number stands for both sides."""
    size = cfg.INPUT.CROP.SIZE if cfg.INPUT.CROP.ENABLED else cfg.INPUT.SIZE_TEST
    return size[0], size[-1]
