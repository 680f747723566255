"""Losses of the Re-ID model, chosen by name in MODEL.LOSSES.NAME."""

from dcac_fastreid.losses import id_loss, prototypical_contrastive  # noqa: F401  each registers its loss
from dcac_fastreid.losses.prototype_memory import PrototypeMemory
from dcac_fastreid.losses.prototypical_contrastive import prototypical_contrastive_loss
from dcac_fastreid.losses.registry import HOST_LOSSES, LOSS_REGISTRY, build_losses, check_losses

__all__ = [
    "HOST_LOSSES",
    "LOSS_REGISTRY",
    "PrototypeMemory",
    "build_losses",
    "check_losses",
    "prototypical_contrastive_loss",
]
