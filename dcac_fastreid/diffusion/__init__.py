"""The right box of Figure 2: a pre-trained diffusion model that gives feedback on a condition."""

from dcac_fastreid.diffusion.adaptation import adapt, check_tuning, lora_parameters, store_frozen_in
from dcac_fastreid.diffusion.denoiser import Denoiser
from dcac_fastreid.diffusion.feedback import DiffusionFeedback
from dcac_fastreid.diffusion.latent_cache import LatentCache

__all__ = [
    "Denoiser",
    "DiffusionFeedback",
    "LatentCache",
    "adapt",
    "check_tuning",
    "lora_parameters",
    "store_frozen_in",
]
