"""What pixels is an encoder fed with? By a name, as one mean and one deviation for each channel."""

from collections.abc import Sequence
from typing import NamedTuple

INSIDE, OUTSIDE = "inside", "outside"  # where pixels are normalised: in the graph, which takes [0, 255], or before it
ZERO_TO_ONE, IMAGENET = "0-1", "imagenet"  # as programs feed that others wrote
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # torchvision's, of values in [0, 1]


class Pixels(NamedTuple):
    """What is fed is (value - mean) / std of an RGB image's values in [0, 255], channel by channel."""

    words: str
    mean: tuple[float, ...]
    std: tuple[float, ...]


# Those that are the same for every encoder.
FIXED = {
    INSIDE: Pixels("RGB in [0, 255]", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    ZERO_TO_ONE: Pixels("RGB in [0, 1]", (0.0, 0.0, 0.0), (255.0, 255.0, 255.0)),
    IMAGENET: Pixels(
        "RGB in [0, 1], minus ImageNet's mean (0.485, 0.456, 0.406), divided by its deviation (0.229, 0.224, 0.225)",
        tuple(255 * value for value in IMAGENET_MEAN),
        tuple(255 * value for value in IMAGENET_STD),
    ),
}


def pixels_of(name: str, mean: Sequence[float], std: Sequence[float]) -> Pixels:
    """Args: name: of FIXED, or "outside". mean, std: the encoder's own, of values in [0, 255]."""
    if name == OUTSIDE:
        words = "RGB, (value in [0, 255] - pixel_mean) / pixel_std"
        return Pixels(words, tuple(map(float, mean)), tuple(map(float, std)))
    return FIXED[name]
