"""Weights that are converted together are those that are converted one by one, and so are their gradients."""

import pytest
import torch

from dcac_fastreid.many_weights import converted
from dcac_fastreid.profiling.step_parts import OperationCount, StepClock


@pytest.fixture
def weights():
    torch.manual_seed(0)
    shapes = (3, 4), (5,), (2, 2, 2), (7, 3)
    return [torch.randn(shape, requires_grad=True) for shape in shapes]


def test_values_and_gradients_are_those_of_single_casts(weights):
    together = converted(weights, torch.bfloat16, scale=0.5, first_scaled=2)
    single = [weight.to(torch.bfloat16) * (0.5 if place >= 2 else 1) for place, weight in enumerate(weights)]
    for made, expected in zip(together, single, strict=True):
        assert made.dtype == torch.bfloat16 and torch.equal(made, expected)
    gradients = [torch.autograd.grad((made**2).sum(), weights, allow_unused=True) for made in (together[3], single[3])]
    assert gradients[0][3].dtype == torch.float32 and torch.equal(gradients[0][3], gradients[1][3])


def test_a_weight_that_was_not_used_has_no_gradient(weights):
    made = converted(weights, torch.bfloat16)
    (made[0].sum() + made[2].sum()).backward()
    assert [weight.grad is None for weight in weights] == [False, True, False, True]


def test_the_number_of_operations_does_not_grow_with_that_of_the_weights(weights):
    def operations(some):
        with OperationCount(StepClock(torch.device("cpu"))) as count:
            made = converted(some, torch.bfloat16, scale=0.5, first_scaled=1)
            torch.autograd.grad(made, some, made)
        return sum(count.counts.values())

    assert operations(weights) == operations(weights[:2])
