"""From an image on disk to z_0: the un-augmented view, its posterior, a sample. B batch, (c, h, w) latent."""

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

import fastreid.data.common  # its read_image is the one that fast-reid's datasets use


def read_view(path: str, size: Sequence[int]) -> Tensor:
    """The image as the diffusion model sees it: (3, H, W) uint8, PIL bicubic to size = (H, W), no augmentation."""
    image = fastreid.data.common.read_image(path).convert("RGB").resize((size[1], size[0]), Image.Resampling.BICUBIC)
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)


def sample_latents(moments: Tensor, scaling_factor: float, generator: torch.Generator | None = None) -> Tensor:
    """z_0 (B, c, h, w) sampled from the posterior and scaled to about unit variance.

    Args:
        moments: (B, 2c, h, w), mean and log-variance.
        scaling_factor: of the VAE; 0.18215 for Stable Diffusion 1.5.
    """
    mean, log_variance = moments.chunk(2, dim=1)
    noise = torch.randn(mean.shape, generator=generator, device=mean.device, dtype=mean.dtype)
    # The bounds are diffusers' own, in DiagonalGaussianDistribution.
    return scaling_factor * (mean + (0.5 * log_variance.clamp(-30, 20)).exp() * noise)
