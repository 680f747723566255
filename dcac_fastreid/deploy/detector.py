"""Who is on a whole photo? A person detector of torchvision's, with weights from a file of the user's."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps

from dcac_fastreid.arguments import as_device, as_path, as_share
from dcac_fastreid.deploy.detector_weights import load_detector

THRESHOLD = 0.5
PERSON = 1  # among COCO's categories, of all of torchvision's detectors
# Pixels. torchvision brings a photo to 1333 at most; of a larger one only memory would be needed. A photo with a shorter side shows
# nobody, and torchvision fails on one that its own shrinking leaves without a pixel.
LONGEST_SIDE, SHORTEST_SIDE = 4096, 16


@dataclass(frozen=True)
class Person:
    """box: left, top, right, bottom in whole pixels of the photo as one looks at it; right and bottom lie outside of it.

    score: the detector's, in [0, 1].
    """

    box: tuple[int, int, int, int]
    score: float

    @property
    def area(self) -> int:
        left, top, right, bottom = self.box
        return (right - left) * (bottom - top)

    def crop(self, photo: Image.Image) -> Image.Image:
        """The person, cut out of the photo.

        There is no margin around the box: images of MSMT17, and what trackers give to an encoder, are boxes of such detectors.
        """
        return photo.crop(self.box)


class PersonDetector:
    """One of torchvision's detectors, trained on COCO; which one, its weights tell.

        people = PersonDetector("fasterrcnn_resnet50_fpn_v2_coco-dd69338a.pth")(photo)

    Args:
        weights: a file as torchvision publishes it for any of its detectors; nothing is fetched.
        device: None for the GPU where there is one, else the CPU.
        threshold: the score from which on a detection counts.
    Attributes: name: torchvision's, of the detector.
    Raises: InputError: a file that is none of those, a threshold outside of (0, 1), no such device.
    """

    def __init__(self, weights: str | Path, device: str | None = None, threshold: float = THRESHOLD):
        self.threshold = as_share(threshold, "the detector's threshold", "0.5")
        self.device = as_device(device, "the device")
        self.name, model = load_detector(as_path(weights, "the detector"))
        for part in (
            model.modules()
        ):  # it gives no detection of a lower score, and its own least one may be above the threshold
            if hasattr(part, "score_thresh"):
                part.score_thresh = min(part.score_thresh, self.threshold)
        self._model = model.to(self.device)

    @torch.inference_mode()
    def __call__(self, photo: Image.Image) -> list[Person]:
        """The people on a photo, in RGB and upright as data.read_image gives it; who takes the largest area comes first."""
        seen = photo if max(photo.size) <= LONGEST_SIDE else ImageOps.contain(photo, (LONGEST_SIDE, LONGEST_SIDE))
        if min(seen.size) < SHORTEST_SIDE:
            return []
        pixels = torch.from_numpy(np.array(seen)).to(self.device).permute(2, 0, 1) / 255
        (found,) = self._model([pixels])
        counts = (found["labels"] == PERSON) & (found["scores"] >= self.threshold)
        boxes, scores = found["boxes"][counts].tolist(), found["scores"][counts].tolist()
        whole = [_whole_pixels(box, seen.size, photo.size) for box in boxes]
        people = [Person(box, score) for box, score in zip(whole, scores, strict=True)]
        return sorted((person for person in people if person.area), key=lambda person: (-person.area, person.box))


def _whole_pixels(box: list[float], seen: tuple[int, int], photo: tuple[int, int]) -> tuple[int, int, int, int]:
    """All pixels of the photo that the box touches. Args: seen, photo: sizes of what was detected on, and of the photo."""
    (left, top, right, bottom), (width, height) = box, photo
    x, y = width / seen[0], height / seen[1]
    return (
        max(math.floor(left * x), 0),
        max(math.floor(top * y), 0),
        min(math.ceil(right * x), width),
        min(math.ceil(bottom * y), height),
    )
