"""How far have prompts and LoRA moved? N identities, C condition width; LoRA's A (r, in), B (out, r) beside a frozen W."""

import torch
from torch import Tensor, nn

from dcac_fastreid.conditioners.id_prompts import IDPrompts


class Displacement:
    """Distances from the start, relative to the start.

    Made before a checkpoint is loaded, so that a resumed run has the same start: the prompts that were drawn from SEED.

    Args:
        conditioner: whose prompts are measured, where it has some.
        denoiser: whose adapters are measured, where it has some.
    """

    def __init__(self, conditioner: nn.Module, denoiser: nn.Module):
        self._prompts = conditioner.prompts if isinstance(conditioner, IDPrompts) else None
        self._first_prompts = self._prompts.detach().clone() if self._prompts is not None else None
        self._adapted = [module for module in denoiser.modules() if hasattr(module, "lora_A")]
        self._frozen_norm = _norm_of_all([layer.base_layer.weight.detach().float().norm() for layer in self._adapted])

    @torch.no_grad()
    def numbers(self) -> dict[str, Tensor]:
        """`prompts_displacement` |P - P_0| / |P_0|; `lora_displacement` |s B A| / |W|, Frobenius norms over all adapted layers.

        Not of A and B themselves: A starts at random, and what it does before B has moved changes nothing.
        """
        numbers = {}
        if self._prompts is not None:
            moved = (self._prompts - self._first_prompts).norm()
            numbers["prompts_displacement"] = moved / self._first_prompts.norm()
        if self._adapted:
            updates = [_update_norm(layer) for layer in self._adapted]
            numbers["lora_displacement"] = _norm_of_all(updates) / self._frozen_norm
        return numbers


def _update_norm(layer: nn.Module) -> Tensor:
    """|s B A| as s sqrt(tr(B^T B A A^T)): r x r products, the update itself is never made."""
    a, b = layer.lora_A["default"].weight.float(), layer.lora_B["default"].weight.float()
    return layer.scaling["default"] * ((b.T @ b) * (a @ a.T)).sum().clamp_min(0).sqrt()


def _norm_of_all(norms: list[Tensor]) -> Tensor | None:
    return torch.stack(norms).norm() if norms else None
