"""The training images, decoded and resized once for all epochs. M images, B of them in a batch, (H, W) pixels each."""

import functools
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from dcac_fastreid.data.loading.pixel_storage import allocate_pixels, pixels_of_machine
from dcac_fastreid.data.loading.progress_bar import progress_bar
from fastreid.data import common
from fastreid.data.common import CommDataset
from fastreid.utils import comm

logger = logging.getLogger("fastreid.dcac")


class ImageCache:
    """Images as fast-reid's transforms see them between resizing and augmentation, and batches of them.

    Of several processes each decodes its own, unless all `make` them together.

    Args:
        train_set: says paths and class numbers; its own transforms are not used.
        resize: fast-reid's own transform, of an image to `size`.
        size: (H, W).
    """

    def __init__(self, train_set: CommDataset, resize: Callable[[Image.Image], Image.Image], size: tuple[int, int]):
        self._resize, self._size = resize, size
        self._paths = [path for path, _, _ in train_set.img_items]
        identities = [train_set.pid_dict[person] for _, person, _ in train_set.img_items]
        cameras = [train_set.cam_dict[camera] for _, _, camera in train_set.img_items]
        self._numbers = torch.tensor([identities, cameras])  # (2, M)

    def __len__(self) -> int:
        return len(self._paths)

    @functools.cached_property
    def images(self) -> Tensor:
        """(M, 3, H, W), uint8, RGB; made when it is first asked for, with a progress bar.

        Raises:
            InputError: an image cannot be read, or there is no room for them all.
            OSError: a file cannot be opened.
        """
        images = allocate_pixels(self._shape)
        self._fill(images)
        return images

    def make(self) -> None:
        """Makes `images`, once for all processes of a machine; in a run of several every process comes here. Raises as that."""
        if comm.get_world_size() > 1:
            self.images = pixels_of_machine(self._shape, self._fill)

    @property
    def _shape(self) -> tuple[int, ...]:
        return len(self), 3, *self._size

    def _fill(self, images: Tensor) -> None:
        begin = time.perf_counter()
        with ThreadPoolExecutor() as pool:  # Pillow decodes and resizes outside of Python's lock
            decoded = pool.map(functools.partial(self._decode, images.numpy()), range(len(self)))
            for _ in progress_bar(decoded, desc="training images", total=len(self), unit="image"):
                pass
        seconds = time.perf_counter() - begin
        logger.info(f"{len(self)} training images decoded in {seconds:.1f} s, {images.numel() / 1e9:.2f} GB")

    def _decode(self, pixels: np.ndarray, index: int) -> None:
        image = self._resize(common.read_image(self._paths[index]))
        pixels[index] = np.asarray(image).transpose(2, 0, 1)

    def batch(self, indices: Sequence[int], device: torch.device) -> dict[str, Tensor | list[str]]:
        """fast-reid's batch of these images on a device, without augmentation; waits for no GPU.

        Returns: images (B, 3, H, W), uint8; targets and camids (B,), int64; img_paths, in the order of the indices.
        """
        chosen = torch.tensor(indices)
        pinned = device.type == "cuda"  # so that the copy runs beside the step before it
        shape = (len(indices), *self.images.shape[1:])
        images = torch.empty(shape, dtype=torch.uint8, pin_memory=pinned)
        torch.index_select(self.images, 0, chosen, out=images)
        targets, camids = to_device(self._numbers[:, chosen], device)
        paths = [self._paths[index] for index in indices]
        return {
            "images": images.to(device, non_blocking=True),
            "targets": targets,
            "camids": camids,
            "img_paths": paths,
        }


def to_device(values: Tensor, device: torch.device) -> Tensor:
    """A tensor of the CPU on a device, without waiting for it."""
    pinned = values.pin_memory() if device.type == "cuda" else values
    return pinned.to(device, non_blocking=True)
