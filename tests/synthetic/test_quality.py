"""What the small parts are measured by."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from dcac_fastreid.synthetic import captions, parts, quality


def test_zero_shot_counts_the_nearest_captions_and_the_most_frequent_value(monkeypatch):
    """Of 100 pictures 70 show women. A CLIP that sees what it is told, and takes 10 women for men."""
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
