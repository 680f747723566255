"""The photos that visitors give: read safely, their features computed, the latest kept in memory. D feature width.

Nothing of them is written to a disk.
"""

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from dcac_fastreid.deploy.detector import PersonDetector
from dcac_fastreid.deploy.search.crop import hint_for
from dcac_fastreid.deploy.search.whole_photos import nobody_found, people_on
from dcac_fastreid.deploy.serve.missing import Missing
from dcac_fastreid.deploy.serve.small_images import decoded, thumbnail
from dcac_fastreid.names import printable

KEPT = 200  # photos; a visitor who comes back to an older one gives it again
LONGEST_NAME = 200  # letters


@dataclass(frozen=True)
class GivenPhoto:
    """key: its name in addresses. feature: (D,), of length 1. thumbnail: a JPEG file. hint: where it is no crop, else ""."""

    key: str
    name: str
    camera: str | None
    feature: np.ndarray
    thumbnail: bytes
    hint: str


class GivenPhotos:
    """Args: features_of: images -> (n, D). detector: of the people on whole photos; None: photos are taken as they are."""

    def __init__(
        self,
        features_of: Callable[[list[Image.Image]], np.ndarray],
        detector: PersonDetector | None = None,
    ):
        self._features_of, self._detector = features_of, detector
        self._kept: OrderedDict[str, GivenPhoto] = OrderedDict()
        self._one_at_a_time = threading.Lock()  # the encoder's memory is that of one photo

    def add(self, content: bytes, name: str, camera: str | None) -> list[GivenPhoto]:
        """The photo; of a whole photo, where there is a detector, each person on it, the largest first.

        Args:
            content: of a file. name: of the file. camera: None where it is not known.
        Raises: InputError: no photo, one that is cut off or too large, or nobody on a whole photo.
        """
        name = printable(name[-LONGEST_NAME:]) or "photo"
        with self._one_at_a_time:
            image = decoded(content, name)
            hint, images = hint_for(image.size), [image]
            if hint and self._detector:
                hint, images = "", [crop for _, crop in people_on(image, self._detector)]
                if not images:
                    raise nobody_found([Path(name)], self._detector)
            features = self._features_of(images)
        thumbnails = [thumbnail(each) for each in images]
        found = [
            GivenPhoto(secrets.token_urlsafe(12), name, camera, feature, small, hint)
            for feature, small in zip(features, thumbnails, strict=True)
        ]
        for photo in found:
            self._kept[photo.key] = photo
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return found

    def __getitem__(self, key: str) -> GivenPhoto:
        """Raises: Missing: not there, or no longer."""
        photo = self._kept.get(key)
        if photo is None:
            raise Missing("this photo is no longer kept, or the page was started again; choose the photo again")
        return photo
