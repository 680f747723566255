import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from dcac_fastreid.diffusion import stable_diffusion


def test_schedule_is_the_papers():
    """1000 steps, β from 0.00085 to 0.012, linear in sqrt(β) (FACTS: noise schedule)."""
    with torch.device("meta"):
        denoiser = stable_diffusion.empty_denoiser(stable_diffusion.SD15_ARCHITECTURE)
    betas = np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
    np.testing.assert_allclose(denoiser.alphas_cumprod.numpy(), np.cumprod(1 - betas), rtol=2e-5)
    assert denoiser.num_timesteps == 1000 and denoiser.condition_dim == 768


def test_architecture_has_the_published_size():
    with torch.device("meta"):
        denoiser = stable_diffusion.empty_denoiser(stable_diffusion.SD15_ARCHITECTURE)
        encoder = stable_diffusion.empty_encoder(stable_diffusion.SD15_ARCHITECTURE)
    assert sum(parameter.numel() for parameter in denoiser.parameters()) == 859_520_964
    assert encoder.scaling_factor == 0.18215
    assert encoder(torch.empty(2, 3, 128, 128, device="meta")).shape == (2, 8, 16, 16)


def test_noisy_latents_follow_equation_10(sd_folder):
    denoiser = stable_diffusion.load_denoiser(sd_folder)
    latents, noise = torch.randn(3, 4, 8, 8), torch.randn(3, 4, 8, 8)
    timesteps = torch.tensor([0, 500, 999])
    noisy = denoiser.add_noise(latents, noise, timesteps)
    for i, t in enumerate(timesteps):
        alpha_bar = denoiser.alphas_cumprod[t]
        torch.testing.assert_close(noisy[i], alpha_bar.sqrt() * latents[i] + (1 - alpha_bar).sqrt() * noise[i])


def test_loaded_weights_are_the_files(sd_folder):
    denoiser = stable_diffusion.load_denoiser(sd_folder)
    weights = load_file(sd_folder / "unet" / "diffusion_pytorch_model.safetensors")
    assert all(torch.equal(weights[name], parameter) for name, parameter in denoiser.unet.named_parameters())


@pytest.mark.parametrize("part", ["unet", "vae", "scheduler"])
def test_a_missing_part_is_named(sd_folder, tmp_path, part):
    shutil.copytree(sd_folder, tmp_path / "sd")
    shutil.rmtree(tmp_path / "sd" / part)
    with pytest.raises(FileNotFoundError, match=f"{part}/.*MODEL.DCAC.DIFFUSION.WEIGHTS"):
        stable_diffusion.load_denoiser(tmp_path / "sd")
        stable_diffusion.load_encoder(tmp_path / "sd")


def test_an_incomplete_file_is_an_error(sd_folder, tmp_path):
    """diffusers alone logs a line and leaves the missing weights uninitialised."""
    shutil.copytree(sd_folder, tmp_path / "sd")
    file = tmp_path / "sd" / "unet" / "diffusion_pytorch_model.safetensors"
    weights = load_file(file)
    del weights["conv_in.weight"]
    save_file(weights, file)
    with pytest.raises(ValueError, match="missing keys: conv_in.weight"):
        stable_diffusion.load_denoiser(tmp_path / "sd")


def test_half_precision_files_alone_are_enough(sd_folder, tmp_path):
    shutil.copytree(sd_folder, tmp_path / "sd")
    file = tmp_path / "sd" / "unet" / "diffusion_pytorch_model.safetensors"
    save_file(
        {k: w.half() for k, w in load_file(file).items()}, file.with_name("diffusion_pytorch_model.fp16.safetensors")
    )
    file.unlink()
    assert next(stable_diffusion.load_denoiser(tmp_path / "sd").parameters()).dtype == torch.float32


def test_other_prediction_types_are_refused(sd_folder, tmp_path):
    shutil.copytree(sd_folder, tmp_path / "sd")
    file = tmp_path / "sd" / "scheduler" / "scheduler_config.json"
    file.write_text(file.read_text().replace('"epsilon"', '"v_prediction"'))
    with pytest.raises(ValueError, match="v_prediction"):
        stable_diffusion.load_denoiser(tmp_path / "sd")
