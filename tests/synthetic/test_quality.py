"""What the small parts are measured by."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler

from dcac_fastreid.synthetic import captions, parts, quality
from dcac_fastreid.synthetic.pretraining import text_states


def test_zero_shot_counts_the_nearest_captions_and_the_most_frequent_value(monkeypatch):
    """Of 100 images 70 show women. A CLIP that sees what it is told, and takes 10 women for men."""
    monkeypatch.setattr(quality, "QUESTIONS", {"person": (("man", "woman"), "a {}")})
    shown = np.zeros((100, 2, 2, 3), np.uint8)
    shown[:60] = 255
    web = SimpleNamespace(images=shown, traits=[{"person": "woman"}] * 70 + [{"person": "man"}] * 30)
    woman = captions.VOCABULARY["woman"]
    clip = SimpleNamespace(
        encode_image=lambda images: torch.stack([-images.mean(dim=(1, 2, 3)), images.mean(dim=(1, 2, 3))], dim=1),
        encode_text=lambda tokens: torch.eye(2)[(tokens == woman).any(dim=1).long()],
    )
    assert quality.zero_shot(clip, web) == {"person": pytest.approx({"accuracy": 0.9, "most_frequent": 0.7})}


def test_the_schedulers_noise_is_that_of_the_diffusion_process_to_the_bit():
    """q(z_t | z_0), Ho et al. 2020, eq. 4, at every time."""
    scheduler, generator = parts.new_scheduler(), torch.Generator().manual_seed(0)
    latents, noise = (torch.randn(1000, 4, 8, 8, generator=generator) for _ in range(2))
    kept = scheduler.alphas_cumprod[:, None, None, None]
    expected = kept.sqrt() * latents + (1 - kept).sqrt() * noise
    assert torch.equal(scheduler.add_noise(latents, noise, torch.arange(1000)), expected)


def test_samples_are_those_of_diffusers_own_loop():
    """With classifier-free guidance, and the caption "" as what tells nothing."""
    unet, vae, clip = parts.load_unet("unet"), parts.load_vae(), parts.load_clip()
    texts, guidance = ["a man in a red shirt", "a woman in a blue shirt"], 3.0
    told, untold = (text_states(clip, captions.tokenize(asked)) for asked in (texts, ["", ""]))
    scheduler = DDIMScheduler.from_config(parts.new_scheduler().config, clip_sample=False, set_alpha_to_one=False)
    scheduler.set_timesteps(3)
    latents = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        for time in scheduler.timesteps:
            with_text, without = (unet(latents, time, states).sample for states in (told, untold))
            latents = scheduler.step(without + guidance * (with_text - without), time, latents).prev_sample
        expected = vae.decode(latents / vae.config.scaling_factor).sample
    expected = np.asarray(quality.side_by_side(quality._upright(expected)), float)
    found = np.asarray(quality.sampled(unet, vae, clip, texts, seed=1, steps=3, guidance=guidance), float)
    assert found.shape == (128, 128, 3) and np.abs(found - expected).max() <= 1
