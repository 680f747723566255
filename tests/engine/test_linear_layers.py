"""Linear layers as convolutions: the same numbers, for all that calls torch.nn.functional.linear, and only where it pays."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from dcac_fastreid import DCACTrainer
from dcac_fastreid.engine import linear_layers
from dcac_fastreid.engine.linear_layers import convolved_linear, fast_linear_layers


class Dispatched(TorchDispatchMode):
    """Names of the products that were computed."""

    def __init__(self):
        super().__init__()
        self.products = []
        self.transposed = []  # of each convolution

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        if name in ("mm", "addmm", "bmm", "convolution", "convolution_backward"):
            self.products.append(name)
        if name == "convolution":
            self.transposed.append(args[6])
        return func(*args, **(kwargs or {}))


@pytest.fixture
def slow_mkl(monkeypatch):
    monkeypatch.setattr(linear_layers, "mkl_is_slow", lambda: True)


def passes(layer, inputs, device):
    """Output and all gradients, and what was dispatched, of layers on a device."""
    inputs = inputs.clone().requires_grad_()
    with fast_linear_layers(device), Dispatched() as dispatched:
        output = layer(inputs)
        output.square().mean().backward()
    gradients = [inputs.grad, *(parameter.grad.clone() for parameter in layer.parameters())]
    layer.zero_grad()
    return [output.detach(), *gradients], dispatched.products


class SelfAttention(nn.Module):
    """Of open_clip's transformer: its products are calls of the function, not of nn.Linear."""

    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(256, 4, batch_first=True)

    def forward(self, tokens):
        return self.attention(tokens, tokens, tokens, need_weights=False)[0]


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Linear(512, 256), (4, 33, 512)),
        (nn.Linear(512, 256, bias=False), (128, 512)),
        (SelfAttention(), (8, 33, 256)),
    ],
    ids=["tokens", "rows without bias", "attention"],
)
@pytest.mark.parametrize("transposed", [False, True], ids=["in order", "other strides"])
def test_forward_and_backward_are_the_same_to_rounding(slow_mkl, layer, shape, transposed):
    torch.manual_seed(0)
    inputs = torch.randn(shape)
    if transposed:
        inputs = inputs.transpose(0, -2).contiguous().transpose(0, -2)
    ours, products = passes(layer, inputs, "cpu")
    plain, host_products = passes(layer, inputs, "cuda")
    exact, _ = passes(layer.double(), inputs.double(), "cpu")
    layer.float()
    assert "convolution" in products and "convolution_backward" in products and "addmm" not in products
    assert "convolution" not in host_products
    for value, host, reference in zip(ours, plain, exact, strict=True):
        assert value.shape == host.shape
        scale = reference.abs().max()
        assert (value - reference).abs().max() <= 1e-6 * scale
        assert (host - reference).abs().max() <= 1e-6 * scale


def test_a_transposed_weight_is_taken_as_it_lies(slow_mkl):
    """As the backward pass of an adapted layer gives it: to rearrange it takes longer than the product."""
    torch.manual_seed(0)
    given = [torch.randn(shape, requires_grad=True) for shape in ((2, 128, 512), (512, 256), (256,))]

    def passed():
        inputs, weight, bias = given
        output = F.linear(inputs, weight.t(), bias)
        return output, *torch.autograd.grad(output.square().mean(), given)

    expected = passed()
    with fast_linear_layers("cpu"), Dispatched() as dispatched:
        output, *gradients = passed()
    assert dispatched.products[0] == "convolution" and dispatched.transposed == [True]
    assert output.is_contiguous()
    torch.testing.assert_close((output, *gradients), expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(
    ("layer", "inputs", "autocast"),
    [
        (nn.Linear(512, 4), torch.randn(8192, 512), False),
        (nn.Linear(64, 64), torch.randn(256, 64), False),
        (nn.Linear(512, 2048), torch.randn(64, 512), False),
        (nn.Linear(512, 256).double(), torch.randn(256, 512).double(), False),
        (nn.Linear(512, 256), torch.randn(256, 512), True),
        (nn.Linear(512, 256), torch.randn(0, 512), False),
    ],
    ids=["narrow, as LoRA", "small", "few tokens", "float64", "bf16 by autocast", "no token"],
)
def test_other_layers_go_their_ordinary_way(slow_mkl, layer, inputs, autocast):
    with fast_linear_layers("cpu"), Dispatched() as dispatched, torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        output = layer(inputs)
    assert "convolution" not in dispatched.products
    assert output.shape == (*inputs.shape[:-1], layer.out_features)


@pytest.mark.parametrize(
    ("device", "capability", "vendor", "with_mkl", "expected"),
    [
        ("cpu", "AVX512", "AuthenticAMD", True, True),
        ("cuda", "AVX512", "AuthenticAMD", True, False),
        ("cpu", "AVX2", "AuthenticAMD", True, False),
        ("cpu", "AVX512", "GenuineIntel", True, False),
        ("cpu", "AVX512", None, True, False),
        ("cpu", "AVX512", "AuthenticAMD", False, False),
    ],
)
def test_only_where_mkl_leaves_avx512_unused(monkeypatch, tmp_path, device, capability, vendor, with_mkl, expected):
    described = tmp_path / "cpuinfo"
    if vendor:
        described.write_text(f"processor\t: 0\nvendor_id\t: {vendor}\n")
    monkeypatch.setattr(linear_layers, "Path", lambda path: described)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: with_mkl)
    linear_layers.mkl_is_slow.cache_clear()
    try:
        with fast_linear_layers(device):
            assert (F.linear is convolved_linear) == expected
    finally:
        linear_layers.mkl_is_slow.cache_clear()


def test_training_and_testing_take_it_and_nothing_else(slow_mkl, make_trainer, monkeypatch):
    calls, ordinary = [], F.linear

    def noting(input, weight, bias=None):
        calls.append(torch.is_grad_enabled())
        return convolved_linear(input, weight, bias)

    monkeypatch.setattr(linear_layers, "convolved_linear", noting)
    trainer = make_trainer("ma_ms.yml", "TEST.EVAL_PERIOD", 0)
    assert F.linear is ordinary
    trainer.resume_or_load(resume=False)
    trainer.train()
    assert any(calls) and F.linear is ordinary
    calls.clear()
    DCACTrainer.test(trainer.cfg, trainer.model)
    assert calls and not any(calls) and F.linear is ordinary
