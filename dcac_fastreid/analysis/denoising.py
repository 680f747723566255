"""How well does a denoiser see through noise under a condition, Eq. 10 and 11? B images, (c, h, w) latent; L condition tokens,
C their width."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from tqdm import tqdm

from dcac_fastreid.diffusion.noise_errors import errors_under
from dcac_fastreid.diffusion.sampling import no_condition, one_step
from dcac_fastreid.diffusion.stable_diffusion import StableDiffusionDenoiser

OWN, ANOTHERS, NONE = "own", "another's", "none"


class Denoised(NamedTuple):
    """noisy, estimate: (B, c, h, w), z_t and the z_0 that the prediction amounts to. errors: (B,), Eq. 11 of each image."""

    noisy: Tensor
    estimate: Tensor
    errors: Tensor


@torch.no_grad()
def denoise(
    denoiser: StableDiffusionDenoiser, latents: Tensor, noise: Tensor, timestep: int, condition: Tensor
) -> Denoised:
    """One prediction at one timestep. latents, noise: (B, c, h, w). condition: (B, L, C)."""
    timesteps = torch.full((len(latents),), timestep, device=latents.device)
    noisy = denoiser.add_noise(latents, noise, timesteps)
    prediction = denoiser(noisy, timesteps, condition)
    errors = (prediction - denoiser.target(latents, noise, timesteps)).square().mean(dim=(1, 2, 3))
    return Denoised(noisy, one_step(denoiser, noisy, timestep, prediction), errors)


def compared_conditions(own: Tensor, anothers: Tensor) -> dict[str, Tensor]:
    """What images are denoised under, by name: their own conditions (B, L, C), those of other images, and none."""
    return {OWN: own, ANOTHERS: anothers, NONE: no_condition(own)}


def noise_errors(
    denoiser: StableDiffusionDenoiser,
    latents: Tensor,
    noise: Tensor,
    timesteps: Sequence[int],
    conditions: Mapping[str, Tensor],
) -> dict[tuple[int, str], Tensor]:
    """The errors (B,) by timestep and name of the condition, all of the same noise.

    Args:
        latents, noise: (B, c, h, w). conditions: name -> (B, L, C).
    """
    found = {}
    for timestep in tqdm(timesteps, desc="noise errors", unit="timestep", disable=None, leave=False):
        everywhere = torch.full((len(latents),), timestep, device=latents.device)
        errors = errors_under(denoiser, latents, noise, everywhere, conditions)
        found |= {(timestep, name): errors[name] for name in conditions}
    return found
