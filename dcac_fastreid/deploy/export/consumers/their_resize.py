"""Images as the consumers resize them: bilinear without antialiasing. n images, (H, W) input size."""

from collections.abc import Iterable

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional


def resized_as_theirs(images: Iterable[Image.Image], size: tuple[int, int], rounds: bool) -> Tensor:
    """(n, 3, H, W), float, RGB in [0, 255], of RGB images of any sizes.

    Args: rounds: to whole numbers, as OpenCV gives for images of 8 bits.
    """
    resized = []
    for image in images:
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float()
        pixels = functional.interpolate(pixels, size, mode="bilinear", align_corners=False)[0]
        resized.append(pixels.round() if rounds else pixels)
    return torch.stack(resized)
