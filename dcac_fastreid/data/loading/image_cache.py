"""The training images, decoded and resized once. M images, B of them in a batch, (H, W) pixels each."""

import functools
import warnings
from collections.abc import Sequence

import torch
from torch import Tensor

from dcac_fastreid.data.loading.kept_pixels import make_pixels
from dcac_fastreid.data.loading.to_device import to_device
from dcac_fastreid.data.pixel_file import PixelFile
from fastreid.data.common import CommDataset


class ImageCache:
    """Images as fast-reid's transforms see them between resizing and augmentation, and batches of them.

    They lie in a file of the cache folder, which all processes of a machine read, and other runs too.

    Args:
        train_set: says paths and class numbers; its own transforms are not used.
        pixels: of the size at which they are trained on.
    """

    def __init__(self, train_set: CommDataset, pixels: PixelFile):
        self._pixels = pixels
        self._paths = [path for path, _, _ in train_set.img_items]
        identities = [train_set.pid_dict[person] for _, person, _ in train_set.img_items]
        cameras = [train_set.cam_dict[camera] for _, _, camera in train_set.img_items]
        self._numbers = torch.tensor([identities, cameras])  # (2, M)

    def __len__(self) -> int:
        return len(self._paths)

    @functools.cached_property
    def kept(self) -> tuple[Tensor, Tensor]:
        """All images of the file (N, 3, H, W), uint8, RGB, and the place there of each image of the training set, (M,), int64.

        Those that are not there are decoded when this is first asked for, with a progress bar.

        Raises:
            InputError: an image cannot be read, or there is no room for them all.
            OSError: a file cannot be opened.
        """
        places, images = make_pixels(self._pixels, self._paths)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch's, that nobody must write there: `batch` copies
            kept = torch.from_numpy(images)
        return kept, torch.tensor([places[path] for path in self._paths])

    def batch(self, indices: Sequence[int], device: torch.device) -> dict[str, Tensor | list[str]]:
        """fast-reid's batch of these images on a device, without augmentation; waits for no GPU.

        Returns: images (B, 3, H, W), uint8; targets and camids (B,), int64; img_paths, in the order of the indices.
        """
        chosen = torch.tensor(indices)
        pinned = device.type == "cuda"  # so that the copy runs beside the step before it
        kept, places = self.kept
        images = torch.empty((len(indices), *kept.shape[1:]), dtype=torch.uint8, pin_memory=pinned)
        torch.index_select(kept, 0, places[chosen], out=images)
        targets, camids = to_device(self._numbers[:, chosen], device)
        paths = [self._paths[index] for index in indices]
        return {
            "images": images.to(device, non_blocking=True),
            "targets": targets,
            "camids": camids,
            "img_paths": paths,
        }
