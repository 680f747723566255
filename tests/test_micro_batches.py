"""A function in pieces; the step of a whole model in pieces is in test_dcac.py."""

import pytest
import torch

from dcac_fastreid.micro_batches import in_micro_batches


@pytest.mark.parametrize("size, pieces", [(0, [7]), (7, [7]), (9, [7]), (3, [3, 3, 1])])
def test_pieces_have_the_size_and_give_the_whole(size, pieces):
    seen = []

    def product(a, b):
        seen.append(len(a))
        return a * b

    a, b = torch.randn(7, 2, requires_grad=True), torch.randn(7, 2)
    result = in_micro_batches(product, size, a, b)
    assert seen == pieces and torch.equal(result, a * b)
    result.sum().backward()
    assert torch.equal(a.grad, b)


def test_the_backward_pass_computes_again_and_holds_one_piece(monkeypatch):
    calls = []

    def square(a):
        calls.append(torch.is_grad_enabled())
        return a * a

    in_micro_batches(square, 2, torch.randn(4, 1, requires_grad=True)).sum().backward()
    assert len(calls) == 4


def test_in_bf16_the_pieces_round_no_more_than_the_whole():
    """Sharing one copy of a weight, they would add up their gradients in it."""
    torch.manual_seed(0)
    layer, rows = torch.nn.Linear(64, 64), torch.randn(64, 64)

    def gradient(size, autocast=True):
        layer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
            loss = in_micro_batches(lambda x: layer(layer(x)).float(), size, rows).square().mean()
        loss.backward()
        return layer.weight.grad.clone()

    exact = gradient(0, autocast=False)
    whole, pieces = ((gradient(size) - exact).norm() / exact.norm() for size in (0, 2))
    assert 0 < pieces <= 1.1 * whole


def test_without_gradient_all_at_once():
    seen = []
    with torch.no_grad():
        in_micro_batches(lambda a: seen.append(len(a)) or a, 2, torch.randn(5, 1))
    assert seen == [5]
