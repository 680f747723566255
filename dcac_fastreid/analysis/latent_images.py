"""From training images to the latents of a run's diffusion model and back. B images, (c, h, w) latent; H x W pixels."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dcac_fastreid.analysis.run import Run, TrainingImage
from dcac_fastreid.diffusion.latents import read_view

BATCH = 64  # images that the image encoder takes at a time


@torch.no_grad()
def latents_of(run: Run, images: Sequence[TrainingImage]) -> Tensor:
    """z_0 (B, c, h, w) on the run's device: the mean of the posterior, of which training takes samples."""
    encoder, size = run.image_encoder, run.cfg.MODEL.DCAC.DIFFUSION.SIZE
    views = torch.stack([read_view(image.path, size) for image in images])
    moments = torch.cat([encoder(batch.to(run.cfg.MODEL.DEVICE)) for batch in views.split(BATCH)])
    return encoder.scaling_factor * moments.chunk(2, dim=1)[0]


@torch.no_grad()
def decoded(run: Run, latents: Tensor) -> np.ndarray:
    """Images (B, H, W, 3) uint8 of latents; stretched from the diffusion model's view to the sides of the Re-ID input."""
    vae = run.image_encoder.vae
    views = torch.cat([vae.decode(batch / vae.config.scaling_factor).sample for batch in latents.split(BATCH)])
    upright = F.interpolate(views.float().clamp(-1, 1), tuple(run.cfg.INPUT.SIZE_TEST), mode="bicubic")
    return ((upright.clamp(-1, 1) + 1) * 127.5).byte().permute(0, 2, 3, 1).cpu().numpy()


def seeded_noise(run: Run, number: int, shape: Sequence[int], seed: int) -> Tensor:
    """(number, *shape) from N(0, 1), on the run's device; the same numbers on every device."""
    return torch.randn(number, *shape, generator=torch.Generator().manual_seed(seed)).to(run.cfg.MODEL.DEVICE)
