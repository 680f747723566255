"""Small parts in the real classes and file formats, pre-trained on the synthetic web: CLIP, and two Stable Diffusion folders,
one with a U-Net that is conditioned on captions, one with a U-Net that is conditioned on CLIP's image embedding.

They ship with the package; `tools/pretrain_parts.py` makes them again, see pretraining.py and weights/card.json.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from dcac_fastreid.errors import InputError

if TYPE_CHECKING:
    import open_clip
    from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel

WEIGHTS = Path(__file__).parent / "weights"
CLIP_FILE = "open_clip_model.safetensors"
STABLE_DIFFUSION, IMAGE_VARIATIONS = "stable-diffusion", "stable-diffusion-image-variations"
FILES = {  # of the weights, in a folder of parts
    "clip": CLIP_FILE,
    "vae": f"{STABLE_DIFFUSION}/vae/diffusion_pytorch_model.safetensors",
    "unet": f"{STABLE_DIFFUSION}/unet/diffusion_pytorch_model.safetensors",
    "image_unet": f"{IMAGE_VARIATIONS}/unet/diffusion_pytorch_model.safetensors",
    "image_vae": f"{IMAGE_VARIATIONS}/vae/diffusion_pytorch_model.safetensors",  # a copy: the folder is a whole one
}
CONDITION_WIDTHS = {"unet": 64, "image_unet": 128}  # of both U-Nets: the text tower's tokens, CLIP's image embedding
VIEW = 64  # rows and columns of what the VAE sees; its latents are 1/8 of it


def part(name: str, folder: Path = WEIGHTS) -> Path:
    """A part of a folder of weights.

    Args:
        name: "clip", a file in open_clip's format, or "stable-diffusion" or "stable-diffusion-image-variations", folders in
            diffusers' layout.
    Raises: InputError: another name.
    """
    if name == "clip":
        return folder / CLIP_FILE
    if name in (STABLE_DIFFUSION, IMAGE_VARIATIONS):
        return folder / name
    raise InputError(
        f"there is no synthetic part {name!r}; expected synthetic:clip, synthetic:{STABLE_DIFFUSION} or "
        f"synthetic:{IMAGE_VARIATIONS}"
    )


def fingerprint(name: str, folder: Path = WEIGHTS) -> str:
    """sha256 of a file of FILES."""
    return sha256((folder / FILES[name]).read_bytes()).hexdigest()


def new_clip(seed: int) -> open_clip.CLIP:
    """Random image and text tower of the architecture synthetic-ViT-16."""
    from dcac_fastreid.reid.open_clip_models import import_open_clip

    open_clip = import_open_clip()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return open_clip.CLIP(**open_clip.get_model_config("synthetic-ViT-16"), output_dict=False)


def new_vae(seed: int) -> AutoencoderKL:
    """A random VAE: latents are 4 x 1/8 of the image."""
    from diffusers import AutoencoderKL

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return AutoencoderKL(
            sample_size=VIEW,
            block_out_channels=(16, 32, 64, 64),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            norm_num_groups=8,
        )


def new_unet(seed: int, name: str) -> UNet2DConditionModel:
    """A random U-Net for these latents.

    Args: name: of CONDITION_WIDTHS.
    """
    from diffusers import UNet2DConditionModel

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return UNet2DConditionModel(
            sample_size=VIEW // 8,
            block_out_channels=(32, 64),
            layers_per_block=1,
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
            cross_attention_dim=CONDITION_WIDTHS[name],
            attention_head_dim=4,
            norm_num_groups=8,
        )


def new_scheduler() -> DDPMScheduler:
    """Stable Diffusion 1.5's noise schedule."""
    from diffusers import DDPMScheduler

    return DDPMScheduler(
        num_train_timesteps=1000, beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False
    )


def contrastive_loss() -> nn.Module:
    """CLIP's, of image features, text features and the scale of their cosines."""
    from dcac_fastreid.reid.open_clip_models import import_open_clip

    return import_open_clip().ClipLoss()


def load_vae(folder: Path = WEIGHTS) -> AutoencoderKL:
    """The small VAE with its decoder, which DCAC itself does not need."""
    from diffusers import AutoencoderKL

    return AutoencoderKL.from_pretrained(folder / STABLE_DIFFUSION / "vae").eval()


def load_clip(folder: Path = WEIGHTS) -> open_clip.CLIP:
    """The small CLIP with both towers; DCAC needs the image tower alone."""
    from safetensors.torch import load_file

    model = new_clip(seed=0)
    model.load_state_dict(load_file(part("clip", folder)))
    return model.eval()


def load_unet(name: str, folder: Path = WEIGHTS) -> UNet2DConditionModel:
    """Args: name: of CONDITION_WIDTHS."""
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel.from_pretrained((folder / FILES[name]).parent).eval()
