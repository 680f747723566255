"""L2-SP: a pull of the encoder's weights towards those that the run began with (Li et al., ICML 2018), apart from the gradient."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.optim import Optimizer


class StartPull:
    """w <- w - lr strength (w - start) after every step, lr being that of the weight's group, as AdamW's decay is decoupled.

    Frozen weights stay as they are.

    Args:
        encoder: as it trains; its weights are in groups of the optimizer.
        strength: >= 0; at lr strength = 1 the weights would be those of the start.
    """

    def __init__(self, encoder: nn.Module, optimizer: Optimizer, strength: float):
        self._encoder, self._optimizer, self._strength = encoder, optimizer, strength
        self._pairs: list[tuple[dict, list[Tensor], list[Tensor]]] = []

    def pull_to(self, start: Mapping[str, Tensor]) -> None:
        """Args: start: the encoder's state dict before the first step; copied to the encoder's device."""
        names = {weight: name for name, weight in self._encoder.named_parameters() if weight.requires_grad}
        for group in self._optimizer.param_groups:
            weights = [weight for weight in group["params"] if weight in names]
            if weights:
                self._pairs.append((group, weights, [start[names[weight]].to(weight, copy=True) for weight in weights]))

    @torch.no_grad()
    def apply(self) -> None:
        """Moves the weights; call it when the optimizer has made its step and before the schedule changes the rates."""
        for group, weights, starts in self._pairs:
            torch._foreach_lerp_(weights, starts, float(group["lr"]) * self._strength)
