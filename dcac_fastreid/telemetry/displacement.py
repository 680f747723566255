"""How far have encoder, prompts and LoRA moved? N identities, C condition width; LoRA's A (r, in), B (out, r) beside a frozen W."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from dcac_fastreid.conditioners.id_prompts import IDPrompts


class Displacement:
    """Distances from the start, relative to the start.

    The encoder's start is told, see `measure_from`. The prompts' is that of the making, before a checkpoint is loaded, so that a
    resumed run has the same: they are drawn from SEED.

    Args:
        encoder: all of whose weights are measured.
        conditioner: whose prompts are measured, where it has some; None for the baseline.
        denoiser: whose adapters are measured, where it has some; None for the baseline.
    """

    def __init__(self, encoder: nn.Module, conditioner: nn.Module | None = None, denoiser: nn.Module | None = None):
        self._parameters = dict(encoder.named_parameters())
        self.measure_from({})
        self._prompts = conditioner.prompts if isinstance(conditioner, IDPrompts) else None
        self._first_prompts = self._prompts.detach().clone() if self._prompts is not None else None
        modules = denoiser.modules() if denoiser is not None else ()
        self._adapted = [module for module in modules if hasattr(module, "lora_A")]
        self._frozen_norm = _norm_of_all([layer.base_layer.weight.detach().float().norm() for layer in self._adapted])

    @torch.no_grad()
    def measure_from(self, start: Mapping[str, Tensor]) -> None:
        """Measures the encoder's displacement from now on, and keeps a copy of the weights that train, on their device.

        Args: start: the encoder's state dict before the first step, on any device; empty: its displacement is left out.
        """
        first = {name: start[name].to(weight, copy=True) for name, weight in self._parameters.items() if start}
        trained = [name for name in first if self._parameters[name].requires_grad]
        self._encoder = [self._parameters[name] for name in trained]
        self._first_encoder = [first[name] for name in trained]
        self._encoder_norm = _norm_of_all([weight.float().norm() for weight in first.values()])

    @torch.no_grad()
    def numbers(self) -> dict[str, Tensor]:
        """`encoder_displacement` |E - E_0| / |E_0|, Frobenius norms over all of its weights, those that are frozen too;
        `prompts_displacement` |P - P_0| / |P_0|; `lora_displacement` |s B A| / |W|, over all adapted layers.

        The last is not of A and B themselves: A starts at random, and what it does before B has moved changes nothing.
        """
        numbers = {}
        if self._encoder:
            moved = [
                (now - first).float().norm() for now, first in zip(self._encoder, self._first_encoder, strict=True)
            ]
            numbers["encoder_displacement"] = _norm_of_all(moved) / self._encoder_norm
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
