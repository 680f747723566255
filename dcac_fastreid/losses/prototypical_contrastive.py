"""Prototypical contrastive loss (PCL), Eq. 6. B batch, N identities, D feature width."""

import torch
import torch.nn.functional as F
from torch import Tensor

from dcac_fastreid.errors import InputError
from dcac_fastreid.losses.registry import LOSS_REGISTRY


def prototypical_contrastive_loss(features: Tensor, prototypes: Tensor, targets: Tensor, temperature: float) -> Tensor:
    """Cross-entropy of the features against the ID prototypes, Eq. 6.

    Args:
        features: (B, D), after the BNNeck; normalised here.
        prototypes: (N, D), unit rows. No gradient flows into them.
        targets: (B,) int64 in [0, N).
        temperature: τ_m > 0; the paper uses 0.01.
    Returns: scalar, mean over the batch, unweighted.
    Raises:
        ValueError: the widths differ or the temperature is not positive.
    """
    if features.shape[1] != prototypes.shape[1]:
        raise ValueError(f"features are {features.shape[1]} wide, prototypes {prototypes.shape[1]}; they must agree")
    if temperature <= 0:
        raise InputError(f"the temperature is {temperature}; it must be positive, see MODEL.LOSSES.PCL.TAU")
    # Outside of autocast (which knows no meta device): in bfloat16, a cosine divided by 0.01 is off by some tenths.
    device_type = "cpu" if features.device.type == "meta" else features.device.type
    with torch.autocast(device_type, enabled=False):
        features = features.to(torch.promote_types(features.dtype, torch.float32))
        # clone: Eq. 7 writes the prototypes in place before backward() has read them
        cosines = F.linear(F.normalize(features), prototypes.to(features.dtype, copy=True))
        return F.cross_entropy(cosines / temperature, targets)


@LOSS_REGISTRY.register()
def PrototypicalContrastiveLoss(cfg):
    """Eq. 6 with τ_m = MODEL.LOSSES.PCL.TAU."""
    temperature = cfg.MODEL.LOSSES.PCL.TAU

    def loss(outputs, targets, prototypes):
        return {"loss_pcl": prototypical_contrastive_loss(outputs["features"], prototypes, targets, temperature)}

    return loss
