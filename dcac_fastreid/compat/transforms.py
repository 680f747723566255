"""INPUT.AFFINE on today's torchvision."""

from types import SimpleNamespace

import torchvision.transforms
from torchvision.transforms import InterpolationMode, RandomAffine

from fastreid.data.transforms import build


def random_affine(*, resample, fillcolor, **kwargs) -> RandomAffine:
    """torchvision's, with the arguments that it had until 0.13; the host's resample=False means nearest."""
    return RandomAffine(interpolation=InterpolationMode.NEAREST, fill=fillcolor, **kwargs)


def restore_random_affine() -> None:
    """fastreid/data/transforms/build.py:81 gives RandomAffine the arguments resample and fillcolor.

    torchvision >= 0.14: TypeError, unexpected keyword argument 'resample', with INPUT.AFFINE.ENABLED.
    """
    if build.T is torchvision.transforms:
        build.T = SimpleNamespace(**{**vars(torchvision.transforms), "RandomAffine": random_affine})
