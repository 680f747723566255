"""A projection of the encoder's class feature as the condition, alone or beside the mixed prompts. B batch, D and C widths."""

import torch
from torch import Tensor, nn

from dcac_fastreid.conditioners.conditioner import Conditioner
from dcac_fastreid.conditioners.correlation_aware import CorrelationAwareConditioner
from dcac_fastreid.conditioners.registry import CONDITIONER_REGISTRY
from fastreid.config import configurable


def projection(feature_dim: int, condition_dim: int) -> nn.Module:
    """LayerNorm-Linear-GELU-Linear, (B, D) to (B, C), as GenHancer's (ICCV 2025)."""
    return nn.Sequential(
        nn.LayerNorm(feature_dim), nn.Linear(feature_dim, 2 * condition_dim), nn.GELU(), nn.Linear(2 * condition_dim, condition_dim)
    )


@CONDITIONER_REGISTRY.register()
class ProjectedConditioner(Conditioner):
    """c_i: a learned projection of the sample's own feature behind the BNNeck."""

    @configurable
    def __init__(self, *, feature_dim: int, condition_dim: int, **transform):
        super().__init__(**transform)
        self.projection = projection(feature_dim, condition_dim)

    @classmethod
    def from_config(cls, cfg, condition_dim: int):
        feature_dim = cfg.MODEL.HEADS.EMBEDDING_DIM or cfg.MODEL.BACKBONE.FEAT_DIM
        return {**super().from_config(cfg, condition_dim), "feature_dim": feature_dim, "condition_dim": condition_dim}

    def condition(self, *, features: Tensor, logits: Tensor, targets: Tensor, prototypes: Tensor) -> Tensor:
        """Reads the features (B, D). Returns (B, 1, C)."""
        return self.projection(features)[:, None]


@CONDITIONER_REGISTRY.register()
class TwoTokenConditioner(CorrelationAwareConditioner):
    """Two tokens: the mixed ID prompts, and the projection of the sample's own feature."""

    num_tokens = 2

    @configurable
    def __init__(self, *, feature_dim: int, **prompts):
        super().__init__(**prompts)
        self.projection = projection(feature_dim, self.prompts.shape[1])

    @classmethod
    def from_config(cls, cfg, condition_dim: int):
        feature_dim = cfg.MODEL.HEADS.EMBEDDING_DIM or cfg.MODEL.BACKBONE.FEAT_DIM
        return {**super().from_config(cfg, condition_dim), "feature_dim": feature_dim}

    def condition(self, *, features: Tensor, logits: Tensor, targets: Tensor, prototypes: Tensor) -> Tensor:
        """Returns (B, 2, C)."""
        mixed = super().condition(features=features, logits=logits, targets=targets, prototypes=prototypes)
        return torch.cat([mixed, self.projection(features)[:, None]], dim=1)
