"""From noise back to latents: diffusers' DDIM over a denoiser's own schedule. B batch, (c, h, w) latent; L condition tokens, C
their width."""

import torch
from torch import Tensor
from tqdm import tqdm

from dcac_fastreid.diffusion import stable_diffusion
from dcac_fastreid.diffusion.stable_diffusion import StableDiffusionDenoiser
from dcac_fastreid.errors import InputError


@torch.no_grad()
def sample(
    denoiser: StableDiffusionDenoiser,
    noise: Tensor,
    condition: Tensor,
    untold: Tensor,
    *,
    steps: int,
    guidance: float = 1.0,
) -> Tensor:
    """Latents z_0 (B, c, h, w) of images that fit a condition (B, L, C), by deterministic DDIM.

    Args:
        noise: (B, c, h, w) from N(0, 1), where the way begins.
        untold: (B, L, C), the condition that tells nothing, see `no_condition`.
        guidance: classifier-free guidance: the prediction under `untold`, plus so many times the difference that the
            condition makes. 1: the prediction under the condition.
    Raises: InputError: as `ddim`.
    """
    scheduler, latents = ddim(denoiser, steps), noise
    for timestep in tqdm(scheduler.timesteps.tolist(), desc="sampling", unit="step", disable=None, leave=False):
        timesteps = torch.full((len(latents),), timestep, device=latents.device)
        prediction = denoiser(latents, timesteps, condition)
        if guidance != 1:
            without = denoiser(latents, timesteps, untold)
            prediction = without + guidance * (prediction - without)
        latents = scheduler.step(prediction, timestep, latents).prev_sample
    return latents


def one_step(denoiser: StableDiffusionDenoiser, noisy_latents: Tensor, timestep: int, prediction: Tensor) -> Tensor:
    """The z_0 (B, c, h, w) that a prediction at one timestep amounts to, Eq. 10 solved for it; of ε or v, as the model predicts."""
    return ddim(denoiser, steps=1).step(prediction, timestep, noisy_latents).pred_original_sample


def no_condition(condition: Tensor) -> Tensor:
    """Zeros (B, L, C): the cross-attention's values are zero then, and it adds the same at every place.

    Not Stable Diffusion's embedding of an empty caption, which needs its text encoder; DCAC has none, and has adapted the
    denoiser to conditions of its own.
    """
    return torch.zeros_like(condition)


def ddim(denoiser: StableDiffusionDenoiser, steps: int):
    """diffusers' DDIMScheduler with the denoiser's schedule and kind of prediction, in so many steps.

    Raises: InputError: fewer than one step, or more than the schedule has.
    """
    if not 1 <= steps <= denoiser.num_timesteps:
        raise InputError(f"sampling in {steps} steps is asked for; expected 1 to {denoiser.num_timesteps}")
    alpha_bar = denoiser.alphas_cumprod.double().cpu()
    kept = torch.cat([alpha_bar[:1], alpha_bar[1:] / alpha_bar[:-1]])
    scheduler = stable_diffusion.import_diffusers().DDIMScheduler(
        num_train_timesteps=denoiser.num_timesteps,
        trained_betas=(1 - kept).tolist(),
        prediction_type=denoiser.prediction_type,
        clip_sample=False,  # latents have no bounds
        set_alpha_to_one=False,
    )
    scheduler.set_timesteps(steps)
    return scheduler
