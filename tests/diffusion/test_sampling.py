import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, UNet2DConditionModel

from dcac_fastreid.diffusion.sampling import ddim, no_condition, one_step, sample
from dcac_fastreid.diffusion.stable_diffusion import StableDiffusionDenoiser, load_denoiser
from dcac_fastreid.errors import InputError


@pytest.fixture(scope="module")
def denoiser(sd_folder):
    return load_denoiser(sd_folder)


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_the_true_prediction_gives_the_image_back(sd_folder, kind):
    """Whatever the noise, and without any: what one_step solves is Eq. 10."""
    scheduler = DDPMScheduler.from_pretrained(sd_folder, subfolder="scheduler", prediction_type=kind)
    unet = UNet2DConditionModel.from_pretrained(sd_folder, subfolder="unet")
    denoiser = StableDiffusionDenoiser(unet, scheduler)
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(2, 4, 8, 8, generator=generator)
    for noise in (torch.randn(2, 4, 8, 8, generator=generator), torch.zeros(2, 4, 8, 8)):
        for timestep in (0, 250, 999):
            timesteps = torch.full((2,), timestep)
            noisy = denoiser.add_noise(latents, noise, timesteps)
            back = one_step(denoiser, noisy, timestep, denoiser.target(latents, noise, timesteps))
            torch.testing.assert_close(back, latents, atol=1e-4, rtol=1e-4)


def test_the_schedule_is_the_denoisers(denoiser):
    torch.testing.assert_close(ddim(denoiser, 7).alphas_cumprod, denoiser.alphas_cumprod, atol=0, rtol=1e-5)


def test_sampling_is_that_of_diffusers(denoiser, sd_folder):
    """Its own loop, with the scheduler of the folder's file."""
    generator = torch.Generator().manual_seed(0)
    noise, condition = torch.randn(2, 4, 8, 8, generator=generator), torch.randn(2, 1, 64, generator=generator)
    scheduler = DDIMScheduler.from_pretrained(
        sd_folder, subfolder="scheduler", clip_sample=False, set_alpha_to_one=False
    )
    scheduler.set_timesteps(4)
    latents = noise
    with torch.no_grad():
        for time in scheduler.timesteps:
            told, untold = (
                denoiser.unet(latents, time, given).sample for given in (condition, torch.zeros_like(condition))
            )
            latents = scheduler.step(untold + 2.5 * (told - untold), time, latents).prev_sample
    found = sample(denoiser, noise, condition, no_condition(condition), steps=4, guidance=2.5)
    torch.testing.assert_close(found, latents, atol=1e-4, rtol=1e-4)


def test_guidance_exaggerates_the_difference_to_the_untold(denoiser):
    generator = torch.Generator().manual_seed(0)
    noise, condition, untold = (torch.randn(1, *shape, generator=generator) for shape in ((4, 8, 8), (1, 64), (1, 64)))
    plain, guided = (sample(denoiser, noise, condition, untold, steps=2, guidance=g) for g in (1.0, 3.0))
    assert not torch.allclose(plain, guided)
    torch.testing.assert_close(sample(denoiser, noise, condition, condition, steps=2, guidance=3.0), plain)


@pytest.mark.parametrize("steps", [0, 1001])
def test_a_number_of_steps_that_cannot_be_is_one_sentence(denoiser, steps):
    with pytest.raises(InputError, match=f"sampling in {steps} steps is asked for; expected 1 to 1000"):
        ddim(denoiser, steps)
