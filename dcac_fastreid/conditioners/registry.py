"""Which conditioning schemes are there, and which one does a config name?"""

from torch import nn

from dcac_fastreid.conditioners.probabilities import check_source
from dcac_fastreid.conditioners.transforms import check_transform
from dcac_fastreid.errors import InputError
from fastreid.utils.registry import Registry

CONDITIONER_REGISTRY = Registry("CONDITIONER")
CONDITIONER_REGISTRY.__doc__ = """
Conditioning schemes, Section 4.3 and Table 7.

The registered class is called with `obj(cfg, condition_dim=C)` and returns a `Conditioner`, a module whose call is
`conditioner(features=, logits=, targets=, prototypes=) -> (B, L, C)`: features (B, D) after the BNNeck, logits (B, N) of the
classifier, NOT detached, targets (B,) int64, prototypes (N, D) with unit rows as they were before this batch's update.
Where the class says `reads_embeddings = True`, the features are the encoder's own, before the BNNeck.
The gradient of the diffusion loss reaches the Re-ID model only through what a scheme does with these.
"""


def check_conditioner(name: str, transform: str = "none", probs: str = "classifier") -> None:
    """Raises InputError where no conditioning scheme, no transform or no source of probabilities has this name."""
    known = CONDITIONER_REGISTRY._obj_map  # the host's Registry has no public list of its names
    if name not in known:
        raise InputError(f"MODEL.DCAC.CONDITIONER.NAME is {name!r}; known conditioners are {', '.join(known)}")
    check_transform(transform)
    check_source(probs)


def build_conditioner(cfg, condition_dim: int) -> nn.Module:
    """The scheme MODEL.DCAC.CONDITIONER.NAME for conditions of width C = condition_dim; raises as `check_conditioner`."""
    settings = cfg.MODEL.DCAC.CONDITIONER
    check_conditioner(settings.NAME, settings.TRANSFORM, settings.PROBS)
    return CONDITIONER_REGISTRY.get(settings.NAME)(cfg, condition_dim=condition_dim)
