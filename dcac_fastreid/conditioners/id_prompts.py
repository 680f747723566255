"""Learnable ID prompts and the probabilities that weigh them, Eq. 12. B batch, N identities, C condition width."""

import torch
from torch import Tensor, nn

from dcac_fastreid.errors import InputError
from fastreid.config import configurable


def condition_probabilities(logits: Tensor, temperature: float) -> Tensor:
    """p_i = softmax(W f_i / τ) of Eq. 12: (B, N), rows sum to 1, in fp32 at least, under autocast too."""
    return torch.softmax(logits.to(torch.promote_types(logits.dtype, torch.float32)) / temperature, dim=1)


class IDPrompts(nn.Module):
    """One learnable prompt for each identity, N x C, from N(0, 1); the base of the schemes that mix them.

    Args:
        num_classes: N.
        condition_dim: C.
        temperature: τ > 0 of Eq. 12.
    """

    @configurable
    def __init__(self, *, num_classes: int, condition_dim: int, temperature: float):
        super().__init__()
        if temperature <= 0:
            raise InputError(f"MODEL.DCAC.CONDITIONER.TAU is {temperature}; it must be positive")
        self.temperature = temperature
        self.prompts = nn.Parameter(torch.randn(num_classes, condition_dim))

    @classmethod
    def from_config(cls, cfg, condition_dim: int):
        return {
            "num_classes": cfg.MODEL.HEADS.NUM_CLASSES,
            "condition_dim": condition_dim,
            "temperature": cfg.MODEL.DCAC.CONDITIONER.TAU,
        }
