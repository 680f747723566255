import numpy as np
import torch
from PIL import Image

from dcac_fastreid.diffusion.latents import read_view, sample_latents


def test_view_is_the_whole_image_in_bicubic(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 20, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    view = read_view(str(tmp_path / "a.png"), (64, 48))
    expected = Image.fromarray(pixels).resize((48, 64), Image.Resampling.BICUBIC)
    assert view.shape == (3, 64, 48) and np.array_equal(view.permute(1, 2, 0).numpy(), np.asarray(expected))


def test_latents_are_sampled_from_the_posterior():
    mean, log_variance = torch.full((20000, 1, 1, 1), 3.0), torch.full((20000, 1, 1, 1), 2 * np.log(0.5))
    latents = sample_latents(torch.cat([mean, log_variance], 1), 0.2, torch.Generator().manual_seed(0))
    assert abs(latents.mean().item() - 0.2 * 3.0) < 0.005 and abs(latents.std().item() - 0.2 * 0.5) < 0.002
