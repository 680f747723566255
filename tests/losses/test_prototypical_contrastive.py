import math

import pytest
import torch

from dcac_fastreid.losses import prototypical_contrastive_loss


def plain_loop(features, prototypes, targets, temperature):
    """Eq. 6 as it is written."""
    total = 0.0
    for feature, target in zip(features, targets, strict=True):
        unit = feature / feature.norm()
        scores = [math.exp(float(unit @ prototype) / temperature) for prototype in prototypes]
        total -= math.log(scores[int(target)] / sum(scores))
    return total / len(features)


def example():
    features = torch.tensor([[3.0, 4.0], [1.0, 0.0], [-2.0, 1.0]], dtype=torch.float64)
    prototypes = torch.tensor([[1.0, 0.0], [0.6, 0.8]], dtype=torch.float64)
    return features, prototypes, torch.tensor([1, 0, 1])


@pytest.mark.parametrize("temperature", [0.05, 0.5, 1.0])
def test_agrees_with_the_equation(temperature):
    features, prototypes, targets = example()
    loss = prototypical_contrastive_loss(features, prototypes, targets, temperature)
    assert loss.item() == pytest.approx(plain_loop(features, prototypes, targets, temperature), rel=1e-12)


def test_gradient_reaches_features_and_not_prototypes():
    features, prototypes, targets = example()
    prototypical_contrastive_loss(features.requires_grad_(), prototypes, targets, 0.1).backward()
    assert features.grad.abs().sum() > 0 and prototypes.grad is None


def test_prototypes_may_change_between_forward_and_backward():
    features, prototypes, targets = example()
    loss = prototypical_contrastive_loss(features.requires_grad_(), prototypes, targets, 0.1)
    prototypes.mul_(-1)  # as Eq. 7 does in place, before backward() runs
    loss.backward()
    assert torch.isfinite(features.grad).all()


def test_stays_in_fp32_under_autocast():
    torch.manual_seed(0)
    features, prototypes = torch.randn(8, 64), torch.nn.functional.normalize(torch.randn(5, 64))
    targets = torch.arange(8) % 5
    exact = prototypical_contrastive_loss(features, prototypes, targets, 0.01)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = prototypical_contrastive_loss(features, prototypes, targets, 0.01)
    assert loss.dtype == torch.float32 and torch.equal(loss, exact)


def test_wrong_widths_and_temperatures_are_refused():
    features, prototypes, targets = example()
    with pytest.raises(ValueError, match="2 wide, prototypes 3"):
        prototypical_contrastive_loss(features, torch.zeros(2, 3), targets, 0.1)
    with pytest.raises(ValueError, match="MODEL.LOSSES.PCL.TAU"):
        prototypical_contrastive_loss(features, prototypes, targets, 0.0)
