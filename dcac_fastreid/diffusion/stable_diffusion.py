"""Stable Diffusion as denoiser and as image encoder: the only import of diffusers."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from dcac_fastreid.diffusion.denoiser import Denoiser
from dcac_fastreid.diffusion.diffusers_layout import load_part, read_config
from dcac_fastreid.diffusion.division_by_one import leave_out_divisions_by_one, put_divisions_back
from dcac_fastreid.diffusion.hub import hub_folder
from dcac_fastreid.diffusion.one_token import shorten_cross_attention, unused_with_one_token
from dcac_fastreid.diffusion.original_layout import load_original_part
from dcac_fastreid.errors import InputError
from dcac_fastreid.garbage_collection import garbage_collection_paused
from dcac_fastreid.hub import is_hub_id
from dcac_fastreid.precision import tf32
from dcac_fastreid.stand_ins import LateModule, in_the_place_of

# The architecture of stable-diffusion-v1-5, where only sizes are asked for (profiling): these files hold no weights.
SD15_ARCHITECTURE = Path(__file__).parent / "sd15"


def import_diffusers():
    """The library, with the classes that are needed of it; raises ImportError with what to install."""
    try:
        with _quick_import():
            import diffusers  # seconds, and not needed at test time

            # diffusers imports the files of these when it is asked for them.
            _ = diffusers.UNet2DConditionModel, diffusers.AutoencoderKL, diffusers.DDPMScheduler
    except (ImportError, RuntimeError) as error:  # the latter of a file that diffusers imports when it is asked for it
        raise ImportError(
            f"training DCAC needs diffusers, which cannot be imported ({error.__cause__ or error}); "
            "install it with: pip install diffusers"
        ) from error
    return diffusers


@contextmanager
def _quick_import() -> Iterator[None]:
    """Inside, modules of diffusers are imported without what they seldom need.

    diffusers/schedulers/scheduling_dpmsolver_multistep.py:30 and others do `import scipy.stats`, for a kind of noise schedule
    that few ask for (diffusers 0.42).
    """
    with garbage_collection_paused(), in_the_place_of("scipy.stats", LateModule("scipy.stats")):
        yield


class StableDiffusionDenoiser(Denoiser):
    """A diffusers U-Net with cross-attention that predicts ε or v, with its DDPM noise schedule.

    Width of the condition, kind of prediction and schedule are the model's own: Stable Diffusion 1.5 has 768, ε and 1000 steps,
    β from 0.00085 to 0.012, linear in sqrt(β); 2.1 has 1024 and v.

    Args:
        unet: UNet2DConditionModel. scheduler: DDPMScheduler.
    Raises:
        InputError: a U-Net that asks for more than noisy latents, timesteps and a condition, or another kind of prediction.
    """

    # Attention q, k, v, out and the first feed-forward layer. The paper speaks of the feed-forward layers, but its
    # parameter counts (Table 6) and the authors' code leave `ff.net.2` out.
    lora_targets = ("to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj")
    qkv_layers = ("to_q", "to_k", "to_v")
    can_compute_in_one_type = True

    def __init__(self, unet: nn.Module, scheduler):
        super().__init__()
        self.prediction_type = scheduler.config.prediction_type
        if self.prediction_type not in ("epsilon", "v_prediction"):
            raise InputError(
                f"the scheduler's prediction_type is {self.prediction_type!r}; expected 'epsilon' or 'v_prediction', as in "
                "Stable Diffusion 1.5 and 2.1"
            )
        _check_unet(unet)
        shorten_cross_attention(unet)
        leave_out_divisions_by_one(unet)
        self.unet = unet
        self.condition_dim = unet.config.cross_attention_dim
        self.num_timesteps = scheduler.config.num_train_timesteps
        self.register_buffer("alphas_cumprod", scheduler.alphas_cumprod.clone(), persistent=False)

    def add_noise(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        alpha_bar = self._alpha_bar(latents, timesteps)
        return alpha_bar.sqrt() * latents + (1 - alpha_bar).sqrt() * noise

    def target(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """ε, or v = sqrt(ᾱ_t) ε − sqrt(1 − ᾱ_t) z_0."""
        if self.prediction_type == "epsilon":
            return noise
        alpha_bar = self._alpha_bar(latents, timesteps)
        return alpha_bar.sqrt() * noise - (1 - alpha_bar).sqrt() * latents

    def forward(self, noisy_latents: Tensor, timesteps: Tensor, condition: Tensor) -> Tensor:
        return self.unet(noisy_latents, timesteps, encoder_hidden_states=condition, return_dict=False)[0]

    def parts(self):
        unet = self.unet
        parts = {
            "input": [unet.conv_in, unet.down_blocks],
            "middle": [unet.mid_block],
            "output": [unet.up_blocks],
            "head": [unet.time_embedding, unet.conv_norm_out, unet.conv_out],
        }
        return {name: [module for module in modules if module is not None] for name, modules in parts.items()}

    def lora_layers(self):
        modules, kinds = list(self.unet.modules()), import_diffusers().models
        attentions = sum(isinstance(module, kinds.attention_processor.Attention) for module in modules)
        feed_forwards = sum(isinstance(module, kinds.attention.FeedForward) for module in modules)
        return {
            **dict.fromkeys(("to_q", "to_k", "to_v", "to_out.0"), attentions),
            **dict.fromkeys(("ff.net.0.proj", "ff.net.2"), feed_forwards),
        }

    def unused_parameters(self, num_tokens: int):
        return unused_with_one_token(self.unet) if num_tokens == 1 else iter(())

    def checkpoint_activations(self):
        self.unet.enable_gradient_checkpointing()

    def compile(self, *args, **kwargs) -> None:
        """PyTorch's own, on a U-Net that it need not cut."""
        put_divisions_back(self.unet)
        super().compile(*args, **kwargs)

    def _alpha_bar(self, latents: Tensor, timesteps: Tensor) -> Tensor:
        return self.alphas_cumprod.to(latents.dtype)[timesteps].view(-1, 1, 1, 1)


def _check_unet(unet: nn.Module) -> None:
    """Raises InputError where a U-Net is not called with noisy latents, timesteps and one condition alone."""
    config = unet.config
    asks = [
        f"{key} {config[key]!r}"
        for key in ("addition_embed_type", "class_embed_type", "num_class_embeds", "encoder_hid_dim_type")
        if config.get(key) is not None
    ]
    if config.in_channels != config.out_channels:
        asks.append(f"{config.in_channels} input channels for {config.out_channels} of the latents")
    if not isinstance(config.cross_attention_dim, int):
        asks.append(f"conditions of several widths, cross_attention_dim {config.cross_attention_dim!r}")
    if not any(getattr(module, "is_cross_attention", False) for module in unet.modules()):
        asks.append("no condition, it has no cross-attention")
    if asks:
        raise InputError(
            f"the U-Net asks for {'; '.join(asks)}; expected one that takes noisy latents, timesteps and one condition, as "
            "Stable Diffusion 1.5 or 2.1: set MODEL.DCAC.DIFFUSION.WEIGHTS"
        )


class StableDiffusionEncoder(nn.Module):
    """The frozen VAE encoder: images to the mean and log-variance of their latent's posterior.

    Args:
        vae: AutoencoderKL.
    """

    def __init__(self, vae: nn.Module):
        super().__init__()
        self.vae = vae.requires_grad_(False).eval()
        self.scaling_factor = vae.config.scaling_factor

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W) in [0, 255] to moments (B, 2c, h, w), mean and log-variance, not scaled.

        On a GPU without TF32, so that cached latents are the same from every device, to rounding.
        """
        images = images.to(self.vae.dtype) / 127.5 - 1  # the VAE's input range is [-1, 1]
        with tf32(False):
            return self.vae.encode(images).latent_dist.parameters


def load_denoiser(
    weights: str | Path, *, ema: bool = False, architecture: str | Path = SD15_ARCHITECTURE
) -> StableDiffusionDenoiser:
    """The U-Net and noise schedule of a Stable Diffusion model, fp32, on the CPU, in evaluation mode.

    Args:
        weights: a folder in diffusers' layout; the id of such a model on the Hugging Face hub, owner/name; or one file in
            the original layout of CompVis.
        ema: the training's averaged weights, where both are there. In diffusers' layout the others are called `non_ema`.
        architecture: folder with the configuration files for a single file, which has none.
    Raises:
        FileNotFoundError: the folder lacks unet/ or scheduler/.
        InputError: weights that cannot be read, or lack some of the architecture's, or hold others.
    """
    unet, configs = _load(import_diffusers().UNet2DConditionModel, "unet", weights, ema, architecture)
    return StableDiffusionDenoiser(unet, _scheduler(configs))


def load_encoder(weights: str | Path, *, architecture: str | Path = SD15_ARCHITECTURE) -> StableDiffusionEncoder:
    """The VAE of a Stable Diffusion model, fp32, on the CPU; arguments and errors as in `load_denoiser`."""
    vae, _ = _load(import_diffusers().AutoencoderKL, "vae", weights, False, architecture)
    return StableDiffusionEncoder(vae)


def empty_denoiser(folder: str | Path) -> StableDiffusionDenoiser:
    """The denoiser of a folder's configuration files, with random weights on torch's current default device."""
    unet = import_diffusers().UNet2DConditionModel.from_config(read_config(folder, "unet"))
    return StableDiffusionDenoiser(unet, _scheduler(folder))


def empty_encoder(folder: str | Path) -> StableDiffusionEncoder:
    """The VAE of a folder's configuration files, with random weights on torch's current default device."""
    return StableDiffusionEncoder(import_diffusers().AutoencoderKL.from_config(read_config(folder, "vae")))


def _load(model_class, part: str, weights: str | Path, ema: bool, architecture) -> tuple[nn.Module, str | Path]:
    """A part, and the folder that has its model's configuration files."""
    if Path(weights).is_file():
        return load_original_part(model_class, _converter(part), weights, part, architecture, ema=ema), architecture
    folder = hub_folder(str(weights), ema=ema) if is_hub_id(weights) else Path(weights)
    return load_part(model_class, folder, part, ema=ema), folder


def _converter(part: str):
    """diffusers' own conversion of a part's weights from the original layout."""
    from diffusers.loaders import single_file_utils

    return {
        "unet": single_file_utils.convert_ldm_unet_checkpoint,
        "vae": single_file_utils.convert_ldm_vae_checkpoint,
    }[part]


def _scheduler(folder: str | Path):
    # Its tables are a few kB of numbers, not weights: never on the meta device, where they would be lost.
    with torch.device("cpu"), _quick_import():  # from_config imports all schedulers, to list the compatible ones
        return import_diffusers().DDPMScheduler.from_config(read_config(folder, "scheduler"))
