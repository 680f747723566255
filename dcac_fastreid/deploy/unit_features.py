"""An encoder as one module: images in, features of length 1 out. B images, D feature width."""

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional

from dcac_fastreid.deploy.pixels import OUTSIDE, pixels_of


class UnitFeatures(nn.Module):
    """(B, 3, H, W), float, to (B, D) of length 1.

    Args:
        model: as Encoder.model; stays as it is, its weights are shared.
        pixels: what images it is fed with, a name of pixels.py. What they were normalised by and what the encoder wants are one
            affine map per channel.
    """

    def __init__(self, model: nn.Module, pixels: str):
        super().__init__()
        self.model = copy.copy(model)
        # fast-reid's own moves the images to the device that the model lies on now: a graph would do so for ever.
        self.model.preprocess_image = _images
        self.normalised = pixels == OUTSIDE
        mean, std = model.pixel_mean.flatten().double(), model.pixel_std.flatten().double()
        fed = pixels_of(pixels, mean.tolist(), std.tolist())
        scale = torch.tensor(fed.std, dtype=torch.float64, device=std.device) / std
        shift = (torch.tensor(fed.mean, dtype=torch.float64, device=std.device) - mean) / std
        for name, value in (("scale", scale), ("shift", shift)):
            self.register_buffer(name, value.float().view(-1, 1, 1), persistent=False)
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        if not self.normalised:
            images = images * self.scale + self.shift
        return functional.normalize(self.model({"images": images}))


def _images(batch: dict[str, Tensor]) -> Tensor:
    """With a name, so that a module can be pickled."""
    return batch["images"]
