"""How good are the small pre-trained parts? Measured on images of the web that they have not seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from dcac_fastreid.diffusion.sampling import sample
from dcac_fastreid.diffusion.stable_diffusion import StableDiffusionDenoiser
from dcac_fastreid.synthetic import parts
from dcac_fastreid.synthetic.captions import ADJECTIVES, tokenize
from dcac_fastreid.synthetic.people import DYES
from dcac_fastreid.synthetic.pretraining import Web, image_states, scaled, text_states
from dcac_fastreid.synthetic.web import SCENES, VIEWS, WARDROBE

# Kind of trait -> its values, and the caption that asks for one.
QUESTIONS = {
    "person": (("man", "woman"), "a {}"),
    "top colour": (tuple(DYES), "a person in a {} shirt"),
    "pattern": (tuple(ADJECTIVES.values()), "a person in a {} shirt"),
    "sleeves": (("long sleeves", "short sleeves"), "a person in a shirt with {}"),
    "bottom colour": (tuple(DYES), "a person in a shirt and {} trousers"),
    "bottom": (tuple(WARDROBE.bottoms), "a person in a shirt and {}"),
    "bag": (("no bag", "backpack", "shoulder bag", "handbag"), "a person in a shirt with {}"),
    "scene": (tuple(SCENES), "a person in a shirt {}"),
    "view": (VIEWS, "a person in a shirt seen {}"),
}


@torch.inference_mode()
def zero_shot(clip, web: Web) -> dict[str, dict[str, float]]:
    """By kind of trait, the share of images whose nearest caption is the right one, and that of the most frequent value."""
    features = F.normalize(
        torch.cat([clip.encode_image(scaled(images)) for images in np.array_split(web.images, len(web.images) // 100)])
    )
    accuracy = {}
    for kind, (values, asked) in QUESTIONS.items():
        texts = F.normalize(clip.encode_text(tokenize([asked.format(value) for value in values])))
        told = (features @ texts.T).argmax(dim=1)
        truth = torch.tensor([values.index(traits[kind]) for traits in web.traits])
        accuracy[kind] = {
            "accuracy": (told == truth).float().mean().item(),
            "most_frequent": truth.bincount().max().item() / len(truth),
        }
    return accuracy


@torch.inference_mode()
def reconstruction(vae, web: Web) -> dict[str, float]:
    """Of images through the VAE and back: mean absolute error in grey levels of 255, PSNR in dB, and the latents' statistics."""
    views = web.views(np.arange(len(web.traits)))
    posterior = vae.encode(views).latent_dist
    back = vae.decode(posterior.mean).sample.clamp(-1, 1)
    return {
        "mean_absolute_error": 127.5 * (back - views).abs().mean().item(),
        "psnr_db": 10 * torch.log10(4 / (back - views).square().mean()).item(),
        "latent_std": vae.config.scaling_factor * posterior.mean.std().item(),
        "posterior_std": vae.config.scaling_factor * posterior.std.mean().item(),
    }


@torch.inference_mode()
def reconstructed(vae, web: Web, number: int) -> Image.Image:
    """The first images beside each other, above what comes back from the VAE."""
    views = web.views(np.arange(number))
    back = vae.decode(vae.encode(views).latent_dist.mean).sample
    return side_by_side(_upright(torch.cat([views, back], dim=2), rows=2))


@torch.inference_mode()
def noise_errors(unet, vae, clip, web: Web, part: str) -> dict[str, float]:
    """Eq. 11 on unseen images: with their captions, with those of other images, with none.

    And the condition's value: (with another's - with its own) / with its own.

    Args: part: of parts.CONDITION_WIDTHS; of the "image_unet", CLIP's image embedding stands for the caption.
    """
    rng = np.random.default_rng(0)
    indices = np.arange(len(web.traits))
    latents = vae.encode(web.views(indices)).latent_dist.mean * vae.config.scaling_factor
    noise = torch.from_numpy(rng.standard_normal(tuple(latents.shape), np.float32))
    times = torch.from_numpy(rng.integers(0, 1000, len(indices)))
    noisy = parts.new_scheduler().add_noise(latents, noise, times)
    if part == "image_unet":
        what, own = "embedding", image_states(clip, web)
        none = torch.zeros_like(own)
    else:
        what, own = "caption", text_states(clip, web.tokens(indices, rng))
        none = _states(clip, [""] * len(indices))
    told = {f"own {what}": own, f"another's {what}": own.roll(1, 0), f"no {what}": none}
    errors = {name: F.mse_loss(unet(noisy, times, states).sample, noise).item() for name, states in told.items()}
    return {**errors, "value": errors[f"another's {what}"] / errors[f"own {what}"] - 1}


@torch.inference_mode()
def sampled(unet, vae, clip, texts: Sequence[str], *, seed: int, steps: int, guidance: float) -> Image.Image:
    """Images beside each other that the diffusion model makes of captions, by DDIM with classifier-free guidance."""
    side = unet.config.sample_size
    noise = torch.randn(len(texts), 4, side, side, generator=torch.Generator().manual_seed(seed))
    told, untold = _states(clip, texts), _states(clip, [""] * len(texts))
    denoiser = StableDiffusionDenoiser(unet, parts.new_scheduler())
    latents = sample(denoiser, noise, told, untold, steps=steps, guidance=guidance)
    return side_by_side(_upright(vae.decode(latents / vae.config.scaling_factor).sample))


def _upright(views: Tensor, rows: int = 1) -> Tensor:
    """Twice as high, as people are: views are squeezed."""
    return F.interpolate(views, (2 * rows * parts.VIEW, parts.VIEW), mode="bicubic")


def side_by_side(images: Tensor) -> Image.Image:
    """(B, 3, H, W) in [-1, 1] as one image."""
    row = torch.cat(list(images), dim=2)
    return Image.fromarray(((row.clamp(-1, 1) + 1) * 127.5).byte().permute(1, 2, 0).numpy())


def _states(clip, texts: Sequence[str]) -> Tensor:
    return text_states(clip, tokenize(texts))
