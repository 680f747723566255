"""Instance-wise conditioner, Section 5.4.4 and Table 7. B batch, D feature width, C condition width."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dcac_fastreid.conditioners.conditioner import Conditioner
from dcac_fastreid.conditioners.registry import CONDITIONER_REGISTRY
from fastreid.config import configurable


@CONDITIONER_REGISTRY.register()
class InstanceWiseConditioner(Conditioner):
    """c_i = M^T f_i / |f_i|: a learned D x C map of the sample's own feature, from N(0, 1), no bias (authors' code).

    The classifier has no part in it, so the diffusion loss gives it no gradient.
    """

    @configurable
    def __init__(self, *, feature_dim: int, condition_dim: int, **transform):
        super().__init__(**transform)
        self.matrix = nn.Parameter(torch.randn(feature_dim, condition_dim))

    @classmethod
    def from_config(cls, cfg, condition_dim: int):
        feature_dim = cfg.MODEL.HEADS.EMBEDDING_DIM or cfg.MODEL.BACKBONE.FEAT_DIM
        return {
            **super().from_config(cfg, condition_dim),
            "feature_dim": feature_dim,
            "condition_dim": condition_dim,
        }

    def condition(self, *, features: Tensor, logits: Tensor, targets: Tensor, prototypes: Tensor) -> Tensor:
        """Reads the features (B, D). Returns (B, 1, C)."""
        return (F.normalize(features) @ self.matrix)[:, None]
