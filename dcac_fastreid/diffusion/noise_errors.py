"""What does a condition do to the denoiser's error, Eq. 11? B images, (c, h, w) latent; L condition tokens, C their width."""

from collections.abc import Mapping

import torch
from torch import Tensor

from dcac_fastreid.diffusion.denoiser import Denoiser

BATCH = 64  # images that the denoiser takes at a time


@torch.no_grad()
def errors_under(
    denoiser: Denoiser, latents: Tensor, noise: Tensor, timesteps: Tensor, conditions: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """The mean squared error (B,) of each image under each of the conditions, by the conditions' names, in fp32 at least.

    Noise and timesteps are the same under all of them, so that their differences are the conditions' doing.

    Args:
        latents, noise: (B, c, h, w). timesteps: (B,) int64. conditions: name -> (B, L, C).
    """
    found = {name: [] for name in conditions}
    for begin in range(0, len(latents), BATCH):
        z_0, eps, times = (each[begin : begin + BATCH] for each in (latents, noise, timesteps))
        noisy, target = denoiser.add_noise(z_0, eps, times), denoiser.target(z_0, eps, times)
        for name, condition in conditions.items():
            prediction = denoiser(noisy, times, condition[begin : begin + BATCH])
            found[name].append((prediction.to(target.dtype) - target).square().flatten(1).mean(1))
    return {name: torch.cat(errors) for name, errors in found.items()}
