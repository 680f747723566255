"""Class-wise conditioner, Section 5.4.4 and Table 7. B batch, N identities, C condition width."""

from torch import Tensor

from dcac_fastreid.conditioners.id_prompts import IDPrompts
from dcac_fastreid.conditioners.registry import CONDITIONER_REGISTRY
from fastreid.config import configurable


@CONDITIONER_REGISTRY.register()
class ClassWiseConditioner(IDPrompts):
    """c_i = p_iy P[y]: only the sample's own identity; the correlations between identities are erased.

    Args:
        rescale: divide by p_iy, as the authors' code does. The condition is then the prompt alone: no gradient for the Re-ID model.
    """

    reads_targets = True

    @configurable
    def __init__(self, *, rescale: bool = False, **prompts):
        super().__init__(**prompts)
        self.rescale = rescale

    @classmethod
    def from_config(cls, cfg, condition_dim: int):
        return {**super().from_config(cfg, condition_dim), "rescale": cfg.MODEL.DCAC.CONDITIONER.RESCALE}

    def condition(self, *, features: Tensor, logits: Tensor, targets: Tensor, prototypes: Tensor) -> Tensor:
        """Reads the targets (B,) and what the probabilities are made of. Returns (B, 1, C)."""
        condition = self.prompts[targets]
        if not self.rescale:
            probabilities = self.probabilities(features=features, logits=logits, prototypes=prototypes)
            condition = probabilities.gather(1, targets[:, None]) * condition
        return condition[:, None]
