import logging
import shutil
import sys
from types import ModuleType

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from dcac_fastreid.diffusion import stable_diffusion
from dcac_fastreid.diffusion.diffusers_layout import warn_of_average
from dcac_fastreid.errors import InputError


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


@pytest.fixture
def folder(sd_folder, tmp_path):
    """A copy of the small Stable Diffusion that a test may change."""
    return shutil.copytree(sd_folder, tmp_path / "sd")


def rewrite(folder, name, change=lambda weight: weight, keep=False):
    """Writes the U-Net's file again under another name, its tensors changed."""
    file = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights = {key: change(weight) for key, weight in load_file(file).items()}
    if name.endswith(".bin"):
        torch.save(weights, file.with_name(name))
    else:
        save_file(weights, file.with_name(name), metadata={"format": "pt"})
    if not keep and name != file.name:
        file.unlink()
    return weights


@pytest.mark.parametrize("suffix", ["safetensors", "bin"])
@pytest.mark.parametrize("variant", ["", ".fp16", ".non_ema"])
def test_every_form_of_a_folder_is_read(folder, variant, suffix):
    weights = rewrite(folder, f"diffusion_pytorch_model{variant}.{suffix}", torch.Tensor.half)
    denoiser = stable_diffusion.load_denoiser(str(folder))
    loaded = denoiser.unet.state_dict()
    assert {weight.dtype for weight in loaded.values()} == {torch.float32}
    assert all(torch.equal(weight.float(), loaded[key]) for key, weight in weights.items())


def test_plain_weights_come_before_averaged_ones_unless_asked(folder):
    plain = rewrite(folder, "diffusion_pytorch_model.non_ema.safetensors", lambda weight: -weight, keep=True)
    for ema, sign in ((False, 1), (True, -1)):
        loaded = stable_diffusion.load_denoiser(folder, ema=ema).unet.state_dict()
        assert all(torch.equal(sign * weight, loaded[key]) for key, weight in plain.items())


def test_averaged_weights_that_are_not_there(folder):
    rewrite(folder, "diffusion_pytorch_model.non_ema.safetensors")
    with pytest.raises(InputError, match="unet holds no .* with averaged weights .*EMA is True"):
        stable_diffusion.load_denoiser(folder, ema=True)


def test_weights_of_another_shape_are_listed(folder):
    rewrite(folder, "diffusion_pytorch_model.safetensors", lambda weight: torch.cat([weight, weight]))
    with pytest.raises(
        InputError, match=r"sd/unet do not fit its config.json: mismatched keys: .* and \d+ more; download"
    ):
        stable_diffusion.load_denoiser(folder)


@pytest.mark.parametrize("suffix", ["safetensors", "bin"])
def test_a_truncated_file_is_named(folder, suffix):
    rewrite(folder, f"diffusion_pytorch_model.{suffix}")
    file = folder / "unet" / f"diffusion_pytorch_model.{suffix}"
    file.write_bytes(file.read_bytes()[:5000])
    with pytest.raises(InputError, match=f"{file} cannot be read as weights .*is it complete"):
        stable_diffusion.load_denoiser(folder)


def test_a_broken_config_is_named(folder):
    (folder / "unet" / "config.json").write_text("<html>")
    with pytest.raises(InputError, match="unet/config.json is no JSON"):
        stable_diffusion.load_denoiser(folder)


@pytest.fixture
def warned(caplog):
    logger = logging.getLogger("fastreid.dcac")
    logger.addHandler(caplog.handler)
    warn_of_average.cache_clear()
    # The logger may hand a record on to the root's handlers too.
    yield lambda: [record.getMessage() for record in {id(r): r for r in caplog.records}.values() if record.levelno > 20]
    logger.removeHandler(caplog.handler)


def test_a_folder_without_plain_weights_says_that_the_average_is_taken(folder, warned):
    for _ in range(2):
        stable_diffusion.load_denoiser(folder)
        stable_diffusion.load_encoder(folder)
    (sentence,) = warned()
    assert (
        f"EMA is False, but {folder / 'unet'} has no non_ema weights: diffusion_pytorch_model.safetensors" in sentence
    )
    assert "moving average" in sentence


def test_where_the_plain_weights_lie_or_the_average_is_asked_for_nothing_is_said(folder, warned, sd_folder):
    stable_diffusion.load_denoiser(folder, ema=True)
    stable_diffusion.load_denoiser(sd_folder)  # the package's own: there is no average
    rewrite(folder, "diffusion_pytorch_model.non_ema.safetensors", lambda weight: weight, keep=True)
    stable_diffusion.load_denoiser(folder)
    assert warned() == []


@pytest.mark.parametrize("wrapped", [False, True])
def test_diffusers_that_cannot_be_imported_is_one_sentence(monkeypatch, wrapped):
    class Broken(ModuleType):
        def __getattr__(self, name):
            error = ImportError("no module of a library that it needs")
            if wrapped:  # as diffusers does, of its own files
                raise RuntimeError("Failed to import diffusers.models (look up to see its traceback):\n...") from error
            raise error

    monkeypatch.setitem(sys.modules, "diffusers", Broken("diffusers"))
    with pytest.raises(
        ImportError, match="diffusers, which cannot be imported .no module of a library that it needs.; install"
    ):
        stable_diffusion.import_diffusers()
