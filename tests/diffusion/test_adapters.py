"""Adapted layers compute what peft's own forward computes, in fewer operations."""

import copy

import pytest
import torch
from torch import nn

from dcac_fastreid.diffusion import adapt, lora_parameters, stable_diffusion
from dcac_fastreid.profiling.step_parts import OperationCount, StepClock


@pytest.fixture(scope="module")
def denoiser(sd_folder):
    made = stable_diffusion.load_denoiser(sd_folder)
    adapt(made, tuning="lora", rank=4, alpha=2.0, qkv_bias=True)
    torch.manual_seed(0)
    for weight in lora_parameters(made):
        nn.init.normal_(weight, std=0.1)
    return made


def as_peft_computes(denoiser):
    """A copy whose layers have peft's forward."""
    denoiser = copy.deepcopy(denoiser)
    for module in denoiser.modules():
        if hasattr(module, "lora_A"):
            module.__class__ = type(module).__mro__[1]
    return denoiser


def passes(denoiser, dtype=torch.float32):
    """The prediction, the gradients of condition and adapters, and the number of operations."""
    torch.manual_seed(1)
    latents, condition = torch.randn(2, 4, 8, 8, dtype=dtype), torch.randn(2, 1, denoiser.condition_dim, dtype=dtype)
    denoiser.zero_grad()
    with OperationCount(StepClock(torch.device("cpu"))) as count:
        prediction = denoiser(latents, torch.tensor([5, 700]), condition.requires_grad_())
        prediction.square().mean().backward()
    adapters = [weight.grad for weight in lora_parameters(denoiser)]
    return prediction.detach(), condition.grad, adapters, sum(count.counts.values())


def test_prediction_and_gradients_are_those_of_peft(denoiser):
    ours, theirs = (
        passes(each.double(), torch.float64) for each in (copy.deepcopy(denoiser), as_peft_computes(denoiser))
    )
    for mine, expected in zip((*ours[:2], *ours[2]), (*theirs[:2], *theirs[2]), strict=True):
        assert (mine is None) == (expected is None)  # no gradient of queries and keys of a condition of one token
        if mine is not None:
            torch.testing.assert_close(mine, expected, rtol=1e-9, atol=1e-12)
    assert any(gradient is None for gradient in ours[2]) and ours[3] < 0.8 * theirs[3]


def test_under_autocast_they_are_as_near_to_fp32_and_fewer(denoiser):
    exact = passes(denoiser)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        ours, theirs = passes(denoiser), passes(as_peft_computes(denoiser))
    for place in (0, 1):
        mine, of_peft = ((each[place] - exact[place]).norm() / exact[place].norm() for each in (ours, theirs))
        assert mine < 1.2 * of_peft
    assert ours[3] < 0.7 * theirs[3]
    assert all(weight.grad is None or weight.grad.dtype == torch.float32 for weight in lora_parameters(denoiser))


def test_a_layer_by_itself_has_the_weights_of_this_moment(denoiser):
    passes(denoiser)
    layer = next(module for module in denoiser.modules() if hasattr(module, "lora_A"))
    x = torch.randn(3, layer.in_features)
    before = layer(x)
    with torch.no_grad():
        layer.lora_B["default"].weight.mul_(-1)
    base = layer.base_layer(x)
    torch.testing.assert_close(layer(x) - base, base - before, rtol=1e-4, atol=1e-5)
    with torch.no_grad():
        layer.lora_B["default"].weight.mul_(-1)
