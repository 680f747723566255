"""Small pre-trained parts in the real classes and file formats: CLIP, and a Stable Diffusion folder. Random weights for now."""

from pathlib import Path

import torch

from dcac_fastreid.errors import InputError
from dcac_fastreid.synthetic.build_once import build_once

VERSION = 1  # raise it whenever a part changes, so that an old cache is not taken for the new one
SEED = 0


def cached_part(cache_folder: Path, name: str) -> Path:
    """A part in a cache folder, made on first use.

    Args:
        name: "clip", a file in open_clip's format, or "stable-diffusion", a folder in diffusers' layout.
    Raises: InputError: another name.
    """
    folder = cache_folder / f"parts-v{VERSION}" / name
    if name == "clip":
        return build_once(folder, make_clip) / "open_clip_model.safetensors"
    if name == "stable-diffusion":
        return build_once(folder, make_stable_diffusion)
    raise InputError(f"there is no synthetic part {name!r}; expected synthetic:clip or synthetic:stable-diffusion")


def make_clip(folder: Path) -> None:
    """Writes `open_clip_model.safetensors`, open_clip's own checkpoint format, for the architecture synthetic-ViT-16."""
    import open_clip
    from safetensors.torch import save_file

    from dcac_fastreid.reid.open_clip_models import ARCHITECTURES

    open_clip.add_model_config(ARCHITECTURES)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        model = open_clip.CLIP(**open_clip.get_model_config("synthetic-ViT-16"))
    save_file(
        {key: value.contiguous() for key, value in model.state_dict().items()}, folder / "open_clip_model.safetensors"
    )


def make_stable_diffusion(folder: Path) -> None:
    """Writes unet/, vae/ and scheduler/ as diffusers does: latents are 4 x 1/8 of the picture, conditions 64 wide."""
    from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        unet = UNet2DConditionModel(
            sample_size=8,
            block_out_channels=(32, 64),
            layers_per_block=1,
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
            cross_attention_dim=64,
            attention_head_dim=4,
            norm_num_groups=8,
        )
        vae = AutoencoderKL(
            sample_size=64,
            block_out_channels=(16, 16, 32, 32),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            norm_num_groups=8,
        )
        _look_trained(vae)
    unet.save_pretrained(folder / "unet")
    vae.save_pretrained(folder / "vae")
    DDPMScheduler(
        num_train_timesteps=1000, beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False
    ).save_pretrained(folder / "scheduler")


@torch.no_grad()
def _look_trained(vae) -> None:
    """Gives a random VAE the statistics of a trained one: a sharp posterior, and latents of unit variance when scaled."""
    log_variance_bias = vae.quant_conv.bias.chunk(2)[1]
    log_variance_bias.fill_(-10.0)
    patches = torch.rand(64, 3, 4, 4) * 2 - 1
    mean = vae.encode(torch.nn.functional.interpolate(patches, scale_factor=16, mode="bilinear")).latent_dist.mean
    vae.register_to_config(scaling_factor=round(1 / mean.std().item(), 5))
