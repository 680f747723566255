"""Adapted layers compute what peft's own forward computes, in fewer operations."""

import copy
import pickle
from contextlib import nullcontext

import pytest
import torch
from peft import LoraConfig, inject_adapter_in_model
from torch import nn

from dcac_fastreid.diffusion import adapt, lora_parameters, stable_diffusion
from dcac_fastreid.diffusion.adaptation import store_frozen_in
from dcac_fastreid.diffusion.adapted_layer import AdaptedLinear
from dcac_fastreid.diffusion.adapters import Adapters
from dcac_fastreid.diffusion.division_by_one import FACTORS
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


def a_layer(denoiser):
    return next(module for module in denoiser.modules() if hasattr(module, "lora_A"))


def passes(denoiser, dtype=torch.float32, counting=True):
    """The prediction, the gradients of condition and adapters, and the number of operations."""
    torch.manual_seed(1)
    latents, condition = torch.randn(2, 4, 8, 8, dtype=dtype), torch.randn(2, 1, denoiser.condition_dim, dtype=dtype)
    denoiser.zero_grad()
    count = OperationCount(StepClock(torch.device("cpu")))
    with count if counting else nullcontext():
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
    layer = a_layer(denoiser)
    x = torch.randn(3, layer.in_features)
    before = layer(x)
    with torch.no_grad():
        layer.lora_B["default"].weight.mul_(-1)
    base = layer.base_layer(x)
    torch.testing.assert_close(layer(x) - base, base - before, rtol=1e-4, atol=1e-5)
    with torch.no_grad():
        layer.lora_B["default"].weight.mul_(-1)


def test_a_layer_by_itself_depends_on_no_earlier_pass(denoiser):
    layer = a_layer(denoiser)
    x = torch.randn(3, layer.in_features)
    with torch.no_grad():
        denoiser(torch.randn(1, 4, 8, 8), torch.tensor([5]), torch.randn(1, 1, denoiser.condition_dim))
    denoiser.zero_grad()
    layer(x).sum().backward()
    assert layer.lora_A["default"].weight.grad.abs().sum() > 0 and layer.lora_B["default"].weight.grad.abs().sum() > 0
    passes(denoiser)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert layer(x).dtype == torch.bfloat16
    assert layer(x).dtype == torch.float32


def test_after_a_pass_that_fails_its_weights_are_forgotten(denoiser):
    with pytest.raises(RuntimeError):
        denoiser(torch.randn(1, 4, 8, 8), torch.tensor([5]), torch.randn(1, 1, denoiser.condition_dim + 1))
    assert not a_layer(denoiser).adapters._made


def test_activations_that_are_computed_again_have_the_same_gradients(denoiser):
    kept, again = copy.deepcopy(denoiser).train(), copy.deepcopy(denoiser).train()
    again.checkpoint_activations()
    expected, found = passes(kept), passes(again)
    for gradient, other in zip((expected[1], *expected[2]), (found[1], *found[2]), strict=True):
        assert (gradient is None) == (other is None)
        if gradient is not None:
            torch.testing.assert_close(gradient, other, rtol=1e-4, atol=1e-7)


class TwoLayers(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(8, 16), nn.Linear(16, 8)

    def forward(self, x):
        return x + self.second(self.first(x).relu())


def test_layers_compile_in_one_graph():
    """As Dynamo hands them to a compiler; fullgraph raises where they would be cut."""
    torch.manual_seed(0)
    model = inject_adapter_in_model(LoraConfig(r=2, target_modules=["first", "second"]), TwoLayers())
    layers = [model.first, model.second]
    for layer in layers:
        layer.__class__ = AdaptedLinear
        nn.init.normal_(layer.lora_B["default"].weight)
    Adapters(model, layers)
    x = torch.randn(3, 8)
    expected = model(x)
    model.compile(backend="eager", fullgraph=True)
    torch.testing.assert_close(model(x), expected, rtol=1e-4, atol=1e-5)


def test_a_factor_that_would_cut_the_compiled_unet_is_a_number_again(denoiser):
    made = copy.deepcopy(denoiser)
    made.compile(backend="eager")
    factors = [getattr(module, name) for module in made.modules() for name in FACTORS if hasattr(module, name)]
    assert factors and all(isinstance(factor, float) for factor in factors)


@pytest.mark.slow
@pytest.mark.parametrize("stored_in", [None, torch.bfloat16])
def test_the_unet_compiles_in_one_graph(denoiser, stored_in):
    made = copy.deepcopy(denoiser)
    if stored_in:
        store_frozen_in(made, stored_in)
    expected = passes(made)
    made.compile(backend="eager", fullgraph=True)
    compiled = passes(made, counting=False)
    for mine, other in zip((*compiled[:2], *compiled[2]), (*expected[:2], *expected[2]), strict=True):
        assert (mine is None) == (other is None)
        assert mine is None or (mine - other).norm() <= (2e-2 if stored_in else 1e-4) * other.norm()


def test_a_model_with_adapters_can_be_pickled(denoiser):
    again = pickle.loads(pickle.dumps(denoiser))
    assert (
        torch.equal(passes(again)[0], passes(denoiser)[0]) and a_layer(again).adapters is not a_layer(denoiser).adapters
    )


def test_merged_or_switched_off_a_layer_computes_as_peft_does(denoiser):
    layer = copy.deepcopy(a_layer(denoiser))
    x = torch.randn(3, layer.in_features)
    adapted = layer(x)
    layer.enable_adapters(False)
    assert torch.equal(layer(x), layer.base_layer(x)) and not torch.allclose(layer(x), adapted, atol=1e-3)
    layer.enable_adapters(True)
    layer.merge()
    torch.testing.assert_close(layer(x), adapted, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(layer.base_layer(x), adapted, rtol=1e-4, atol=1e-5)
