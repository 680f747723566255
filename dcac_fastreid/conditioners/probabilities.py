"""How much a sample resembles each identity, p_i of Eq. 12. B batch, N identities, D feature width."""

import torch
import torch.nn.functional as F
from torch import Tensor

from dcac_fastreid.errors import InputError

# Who says it: the classifier, as in Eq. 12, the ID prototypes, or the mean of the two (both are options of the authors' code).
SOURCES = ("classifier", "prototypes", "both")


def classifier_probabilities(logits: Tensor, temperature: float) -> Tensor:
    """p_i = softmax(W f_i / τ) of Eq. 12: (B, N), rows sum to 1, in fp32 at least, under autocast too."""
    return torch.softmax(_full_precision(logits) / temperature, dim=1)


def prototype_probabilities(features: Tensor, prototypes: Tensor, temperature: float) -> Tensor:
    """p_i = softmax(K f_i / |f_i| / τ_m): (B, N), rows sum to 1, in fp32 at least, under autocast too.

    Args:
        features: (B, D), after the BNNeck; normalised here.
        prototypes: (N, D), unit rows. No gradient flows into them.
    """
    # Outside of autocast (which knows no meta device): in bfloat16, a cosine divided by 0.01 is off by some tenths.
    device_type = "cpu" if features.device.type == "meta" else features.device.type
    with torch.autocast(device_type, enabled=False):
        features = _full_precision(features)
        # copy: Eq. 7 writes the prototypes in place before backward() has read them
        cosines = F.linear(F.normalize(features), prototypes.to(features.dtype, copy=True))
        return torch.softmax(cosines / temperature, dim=1)


def check_source(name: str) -> None:
    """Raises InputError where no source of probabilities has this name."""
    if name not in SOURCES:
        raise InputError(f"MODEL.DCAC.CONDITIONER.PROBS is {name!r}; known sources are {', '.join(SOURCES)}")


def _full_precision(values: Tensor) -> Tensor:
    return values.to(torch.promote_types(values.dtype, torch.float32))
