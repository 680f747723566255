"""Learnable ID prompts and the probabilities that weigh them, Eq. 12. B batch, N identities, D feature width, C condition width."""

import torch
from torch import Tensor, nn

from dcac_fastreid.conditioners.conditioner import Conditioner
from dcac_fastreid.conditioners.probabilities import check_source, classifier_probabilities, prototype_probabilities
from dcac_fastreid.errors import InputError
from fastreid.config import configurable


class IDPrompts(Conditioner):
    """One learnable prompt for each identity, N x C, from N(0, 1); the base of the schemes that mix them.

    Args:
        num_classes: N.
        condition_dim: C.
        temperature: τ > 0 of Eq. 12.
        source: of the probabilities, see `probabilities.SOURCES`.
        prototype_temperature: τ_m > 0 of Eq. 6, where the prototypes are a source.
        transform: see Conditioner.
    """

    @configurable
    def __init__(
        self,
        *,
        num_classes: int,
        condition_dim: int,
        temperature: float,
        source: str = "classifier",
        prototype_temperature: float | None = None,
        **transform,
    ):
        super().__init__(**transform)
        check_source(source)
        if temperature <= 0:
            raise InputError(f"MODEL.DCAC.CONDITIONER.TAU is {temperature}; it must be positive")
        if source != "classifier" and not (prototype_temperature or 0) > 0:
            raise InputError(
                f"MODEL.DCAC.CONDITIONER.PROBS is {source!r}, whose temperature MODEL.LOSSES.PCL.TAU is "
                f"{prototype_temperature}; it must be positive"
            )
        self.temperature = temperature
        self.source = source
        self.prototype_temperature = prototype_temperature
        self.prompts = nn.Parameter(torch.randn(num_classes, condition_dim))

    @classmethod
    def from_config(cls, cfg, condition_dim: int):
        return {
            **super().from_config(cfg, condition_dim),
            "num_classes": cfg.MODEL.HEADS.NUM_CLASSES,
            "condition_dim": condition_dim,
            "temperature": cfg.MODEL.DCAC.CONDITIONER.TAU,
            "source": cfg.MODEL.DCAC.CONDITIONER.PROBS,
            "prototype_temperature": cfg.MODEL.LOSSES.PCL.TAU,
        }

    def probabilities(self, *, features: Tensor, logits: Tensor, prototypes: Tensor) -> Tensor:
        """p of Eq. 12 from the chosen source: (B, N), rows sum to 1."""
        if self.source == "classifier":
            return classifier_probabilities(logits, self.temperature)
        by_prototypes = prototype_probabilities(features, prototypes, self.prototype_temperature)
        if self.source == "prototypes":
            return by_prototypes
        return (classifier_probabilities(logits, self.temperature) + by_prototypes) / 2
