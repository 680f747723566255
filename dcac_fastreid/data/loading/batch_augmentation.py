"""fast-reid's padding, cropping, flipping and erasing, on a whole batch at once. B images of 3 x H x W."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from dcac_fastreid.data.loading.augmentation_draws import Draw, draw_augmentation
from dcac_fastreid.data.loading.to_device import to_device
from dcac_fastreid.data.loading.transforms import ERASING

ON_IMAGES_ALONE = ("AUTOAUG", "CROP", "CJ", "AFFINE", "AUGMIX", "RPT")  # of INPUT


class BatchAugmentation:
    """What fast-reid's training transforms do behind the resizing: of one seed the same pixels, to the bit.

    Args:
        size: (H, W).
        padding: pixels of zeros at every side, before a random crop to `size`.
        flip: probability; None: no such transform.
        erase: probability; None: no such transform.
        value: of erased pixels, one for all channels or one for each.
        geometry: of erased rectangles, a key of ERASING.
        device: of the images.
    """

    def __init__(
        self,
        size: tuple[int, int],
        *,
        padding: int = 0,
        flip: float | None = None,
        erase: float | None = None,
        value: Sequence[float] = (0.0,),
        geometry: str = "torchvision",
        device: torch.device | str = "cpu",
    ):
        self._size, self._padding, self._flip, self._erase = size, padding, flip, erase
        self._geometry = ERASING[geometry]
        self._value = torch.tensor(value, dtype=torch.float32, device=device).view(-1, 1, 1)

    @classmethod
    def from_config(cls, cfg) -> "BatchAugmentation":
        """As INPUT says; for a config of which `why_not_on_batches` says nothing."""
        padding, flip, erase = cfg.INPUT.PADDING, cfg.INPUT.FLIP, cfg.INPUT.REA
        return cls(
            tuple(cfg.INPUT.SIZE_TRAIN),
            padding=padding.SIZE if padding.ENABLED else 0,
            flip=flip.PROB if flip.ENABLED else None,
            erase=erase.PROB if erase.ENABLED else None,
            value=erase.VALUE,
            geometry=erase.GEOMETRY,
            device=cfg.MODEL.DEVICE,
        )

    def draw(self, count: int, seed: int) -> list[Draw]:
        return draw_augmentation(
            count,
            seed,
            size=self._size,
            padding=self._padding,
            flip=self._flip,
            erase=self._erase,
            geometry=self._geometry,
        )

    def apply(self, images: Tensor, draws: Sequence[Draw]) -> Tensor:
        """Images (B, 3, H, W), uint8, to augmented ones, float32 in [0, 255]; waits for no GPU."""
        draws = to_device(torch.tensor(draws), images.device)  # (B, 7)
        top, left, flipped = draws[:, :3].T
        if self._padding:
            images = self._crop(F.pad(images, [self._padding] * 4), top, left)
        if self._flip is not None:
            images = torch.where(flipped.bool()[:, None, None, None], images.flip(3), images)
        if self._erase is None:
            return images.float()
        return torch.where(self._erased(draws[:, 3:]), self._value, images)  # float32, as the value

    def _crop(self, padded: Tensor, top: Tensor, left: Tensor) -> Tensor:
        height, width = self._size
        windows = padded.unfold(2, height, 1).unfold(3, width, 1)  # a view: (B, 3, tops, lefts, H, W)
        return windows[torch.arange(len(padded), device=padded.device), :, top, left]

    def _erased(self, rectangles: Tensor) -> Tensor:
        """(B, 4) to a mask (B, 1, H, W)."""
        (height, width), device = self._size, rectangles.device
        top, left, bottom, right = rectangles.T[:, :, None]
        y, x = torch.arange(height, device=device), torch.arange(width, device=device)
        rows, columns = (y >= top) & (y < bottom), (x >= left) & (x < right)
        return (rows[:, :, None] & columns[:, None, :])[:, None]


def why_not_on_batches(cfg) -> str:
    """The setting of INPUT by which fast-reid's transforms are more than resizing and BatchAugmentation; "" if none is."""
    for name in ON_IMAGES_ALONE:
        if cfg.INPUT[name].ENABLED:
            return f"INPUT.{name}.ENABLED"
    if cfg.INPUT.PADDING.ENABLED and cfg.INPUT.PADDING.MODE != "constant":
        return f"INPUT.PADDING.MODE {cfg.INPUT.PADDING.MODE}"
    if len(cfg.INPUT.SIZE_TRAIN) != 2 or cfg.INPUT.SIZE_TRAIN[0] <= 0:
        return f"INPUT.SIZE_TRAIN {cfg.INPUT.SIZE_TRAIN}"
    return ""
