"""Stable Diffusion as denoiser and as image encoder: the only import of diffusers."""

import json
from pathlib import Path

import torch
from torch import Tensor, nn

from dcac_fastreid.diffusion.denoiser import Denoiser
from dcac_fastreid.errors import InputError

# The architecture of stable-diffusion-v1-5, where only sizes are asked for (profiling): these files hold no weights.
SD15_ARCHITECTURE = Path(__file__).parent / "sd15"


def _diffusers():
    try:
        import diffusers  # seconds, and not needed at test time
    except ImportError as error:
        raise ImportError(
            f"training DCAC needs diffusers, which cannot be imported ({error}); install it with: pip install diffusers"
        ) from error
    return diffusers


class StableDiffusionDenoiser(Denoiser):
    """A diffusers UNet2DConditionModel that predicts ε, with a DDPM noise schedule.

    Args:
        unet: UNet2DConditionModel.
        scheduler: DDPMScheduler; Stable Diffusion 1.5 has 1000 steps, β from 0.00085 to 0.012, linear in sqrt(β).
    """

    # Attention q, k, v, out and the first feed-forward layer. The paper speaks of the feed-forward layers, but its
    # parameter counts (Table 6) and the release leave `ff.net.2` out.
    lora_targets = ("to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj")

    def __init__(self, unet: nn.Module, scheduler):
        super().__init__()
        if scheduler.config.prediction_type != "epsilon":
            raise InputError(
                f"the scheduler's prediction_type is {scheduler.config.prediction_type!r}; only 'epsilon' is supported"
            )
        self.unet = unet
        self.condition_dim = unet.config.cross_attention_dim
        self.num_timesteps = scheduler.config.num_train_timesteps
        self.register_buffer("alphas_cumprod", scheduler.alphas_cumprod.clone(), persistent=False)

    def add_noise(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        alpha_bar = self.alphas_cumprod.to(latents.dtype)[timesteps].view(-1, 1, 1, 1)
        return alpha_bar.sqrt() * latents + (1 - alpha_bar).sqrt() * noise

    def target(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        return noise

    def forward(self, noisy_latents: Tensor, timesteps: Tensor, condition: Tensor) -> Tensor:
        return self.unet(noisy_latents, timesteps, encoder_hidden_states=condition, return_dict=False)[0]


class StableDiffusionEncoder(nn.Module):
    """The frozen VAE encoder: pictures to the mean and log-variance of their latent's posterior.

    Args:
        vae: AutoencoderKL.
    """

    def __init__(self, vae: nn.Module):
        super().__init__()
        self.vae = vae.requires_grad_(False).eval()
        self.scaling_factor = vae.config.scaling_factor

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W) in [0, 255] to moments (B, 2c, h, w), mean and log-variance, not scaled."""
        images = images.to(self.vae.dtype) / 127.5 - 1  # the VAE's input range is [-1, 1]
        return self.vae.encode(images).latent_dist.parameters


def load_denoiser(folder: str) -> StableDiffusionDenoiser:
    """The U-Net and noise schedule of a Stable Diffusion folder in diffusers' layout, fp32, on the CPU.

    Raises:
        FileNotFoundError: the folder has no unet/ or scheduler/.
        InputError: the weights' file lacks weights of the architecture, or holds others.
    """
    diffusers = _diffusers()
    unet = _load(diffusers.UNet2DConditionModel, folder, "unet")
    return StableDiffusionDenoiser(unet, _scheduler(folder))


def load_encoder(folder: str) -> StableDiffusionEncoder:
    """The VAE of a Stable Diffusion folder in diffusers' layout, fp32, on the CPU; errors as in load_denoiser."""
    return StableDiffusionEncoder(_load(_diffusers().AutoencoderKL, folder, "vae"))


def empty_denoiser(folder: str | Path) -> StableDiffusionDenoiser:
    """The denoiser of a folder's configuration files, with random weights on torch's current default device."""
    unet = _diffusers().UNet2DConditionModel.from_config(_config(folder, "unet"))
    return StableDiffusionDenoiser(unet, _scheduler(folder))


def empty_encoder(folder: str | Path) -> StableDiffusionEncoder:
    """The VAE of a folder's configuration files, with random weights on torch's current default device."""
    return StableDiffusionEncoder(_diffusers().AutoencoderKL.from_config(_config(folder, "vae")))


def _config(folder: str | Path, part: str) -> dict:
    name = "scheduler_config.json" if part == "scheduler" else "config.json"
    path = Path(folder) / part / name
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing; MODEL.DCAC.DIFFUSION.WEIGHTS must name a Stable Diffusion folder with unet/, vae/ and scheduler/"
        )
    return json.loads(path.read_text())


def _scheduler(folder: str | Path):
    # Its tables are a few kB of numbers, not weights: never on the meta device, where they would be lost.
    with torch.device("cpu"):
        return _diffusers().DDPMScheduler.from_config(_config(folder, "scheduler"))


def _load(model_class, folder: str, part: str) -> nn.Module:
    _config(folder, part)  # asked first: from_pretrained looks for a missing folder in the network
    names = [path.name for path in (Path(folder) / part).glob("*.safetensors")] + [
        path.name for path in (Path(folder) / part).glob("*.bin")
    ]
    only_fp16 = bool(names) and all(".fp16." in name for name in names)
    model, info = model_class.from_pretrained(
        folder,
        subfolder=part,
        local_files_only=True,
        variant="fp16" if only_fp16 else None,
        torch_dtype=torch.float32,
        output_loading_info=True,
    )
    # Without this check, weights that the file lacks stay uninitialised, with a log line only.
    wrong = {kind: info[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys") if info[kind]}
    if wrong:
        listed = "; ".join(f"{kind.replace('_', ' ')}: {', '.join(map(str, keys))}" for kind, keys in wrong.items())
        raise InputError(
            f"the weights in {Path(folder) / part} do not fit its config.json: {listed}; download the folder again"
        )
    return model
