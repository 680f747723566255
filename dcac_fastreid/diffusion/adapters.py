"""LoRA's adapters in a training step, Eq. 9, in few operations: y = W x + s B A x. T tokens, k and n widths, r rank."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dcac_fastreid.many_weights import converted


class Adapters:
    """The adapters of a denoiser: their weights for a forward pass, made together, and the layers that compute with them.

    peft's layers cast every A and B, and each layer's input twice, and scale and add the products by operations of their own.

    Args:
        layers: peft's, each with a frozen `base_layer` and one adapter; `adapted_linear` is their forward.
        denoiser: whose forward passes begin by making the weights, and end by forgetting them.
    """

    def __init__(self, denoiser: nn.Module, layers: Sequence[nn.Module]):
        self._layers = list(layers)
        self._made: dict[nn.Module, tuple[Tensor, Tensor]] = {}
        for layer in self._layers:
            layer.adapters = self
        denoiser.register_forward_pre_hook(self._make)
        denoiser.register_forward_hook(self._forget, always_call=True)

    def __getstate__(self) -> dict:
        return {**self.__dict__, "_made": {}}  # what belongs to a step cannot be copied with the model

    def of(self, layer: nn.Module) -> tuple[Tensor, Tensor]:
        """A (r, k) and s B (n, r), in the type in which the layer computes."""
        if layer in self._made:
            return self._made[layer]
        # By itself, or as the backward pass computes activations again.
        (scale,) = layer.scaling.values()
        weights = _weight(layer, "lora_A"), _weight(layer, "lora_B")
        return converted(weights, _computed_in(layer), scale=scale, first_scaled=1)

    def _make(self, denoiser: nn.Module, inputs: Sequence) -> None:
        if torch.compiler.is_compiling():
            return
        weights = [_weight(layer, part) for part in ("lora_A", "lora_B") for layer in self._layers]
        (scale,) = self._layers[0].scaling.values()
        count = len(self._layers)
        made = converted(weights, _computed_in(self._layers[0]), scale=scale, first_scaled=count)
        self._made = dict(zip(self._layers, zip(made[:count], made[count:], strict=True), strict=True))

    def _forget(self, denoiser: nn.Module, inputs: Sequence, output: Tensor | None) -> None:
        """Another pass may compute in another type, with other weights, or with a gradient where this one had none."""
        if not torch.compiler.is_compiling():
            self._made = {}


def adapted_linear(layer: nn.Module, x: Tensor) -> Tensor:
    """(..., k) -> (..., n)."""
    base = layer.base_layer
    if torch.compiler.is_compiling():  # it joins operations itself, and would stop at what is made for a whole pass
        (scale,) = layer.scaling.values()
        a, b = (_weight(layer, part).to(base.weight.dtype) for part in ("lora_A", "lora_B"))
        return base(x) + F.linear(F.linear(x, a), scale * b)
    a, b = layer.adapters.of(layer)
    tokens = x.reshape(-1, x.shape[-1]).to(a.dtype)
    return _AdaptedLinear.apply(tokens, base.weight, base.bias, a, b).view(*x.shape[:-1], -1)


class _AdaptedLinear(torch.autograd.Function):
    """(T, k) -> (T, n); both passes add the adapter's product in the operation that computes it."""

    @staticmethod
    def forward(ctx, tokens: Tensor, weight: Tensor, bias: Tensor | None, a: Tensor, b: Tensor) -> Tensor:
        weight, bias = weight.to(a.dtype), bias if bias is None else bias.to(a.dtype)
        low = F.linear(tokens, a)
        ctx.save_for_backward(tokens, weight, a, b, low)
        return _add_product(F.linear(tokens, weight, bias), low, b.t())

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor | None, ...]:
        tokens, weight, a, b, low = ctx.saved_tensors
        at_low = gradient @ b
        at_tokens = None
        if ctx.needs_input_grad[0]:
            at_tokens = _add_product(F.linear(gradient, weight.t()), at_low, a)
        return at_tokens, None, None, at_low.t() @ tokens, gradient.t() @ low


def _add_product(output: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """In place. Not by `addmm_`, whose FLOPs PyTorch's counter does not know."""
    return torch.addmm(output, left, right, out=output)


def _computed_in(layer: nn.Module) -> torch.dtype:
    weight = layer.base_layer.weight
    device = weight.device.type
    under_autocast = device != "meta" and torch.is_autocast_enabled(device)
    return torch.get_autocast_dtype(device) if under_autocast else weight.dtype


def _weight(layer: nn.Module, part: str) -> Tensor:
    (adapter,) = getattr(layer, part).values()
    return adapter.weight
