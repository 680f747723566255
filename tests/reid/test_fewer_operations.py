"""The encoder's attention, activation and casts in training: open_clip's numbers, of fewer operations."""

import copy

import pytest
import torch
from torch import nn

from dcac_fastreid.profiling.step_parts import OperationCount, StepClock
from dcac_fastreid.reid import clip_vit
from dcac_fastreid.reid.clip_vit import CLIPViT
from dcac_fastreid.reid.fewer_operations import JoinedAttention

SIZE = (64, 32)


@pytest.fixture
def pair(monkeypatch):
    """An encoder, and one with the same weights and open_clip's own attention and activation; in fp64."""
    torch.manual_seed(0)
    ours = CLIPViT("synthetic-ViT-16", SIZE)
    assert any(isinstance(module, JoinedAttention) for module in ours.modules())
    monkeypatch.setattr(clip_vit, "join_operations", lambda tower: None)
    ordinary = CLIPViT("synthetic-ViT-16", SIZE)
    ordinary.load_state_dict(ours.state_dict())  # the names of the weights are the same
    return ours.double(), ordinary.double()


def step(encoder, images, autocast=False):
    """Features, gradients by name, and the number of operations."""
    encoder.train().zero_grad()
    with OperationCount(StepClock(torch.device("cpu"))) as count:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
            features = encoder(images)
        features.float().pow(3).sum().backward() if autocast else features.pow(3).sum().backward()
    gradients = {name: weight.grad for name, weight in encoder.named_parameters() if weight.grad is not None}
    return features.detach(), gradients, sum(count.counts.values())


def test_a_training_step_is_open_clips(pair):
    torch.manual_seed(1)
    images = torch.randn(3, 3, *SIZE, dtype=torch.float64)
    (features, gradients, fewer), (expected, of_ordinary, many) = (step(encoder, images) for encoder in pair)
    torch.testing.assert_close(features, expected, rtol=1e-10, atol=1e-12)
    assert gradients.keys() == of_ordinary.keys()
    for name, gradient in of_ordinary.items():
        torch.testing.assert_close(gradients[name], gradient, rtol=1e-8, atol=1e-10, msg=name)
    assert fewer < 0.65 * many


def test_in_evaluation_features_are_open_clips_to_the_bit(pair):
    images = torch.randn(3, 3, *SIZE, dtype=torch.float64)
    with torch.no_grad():
        features, expected = (encoder.eval()(images) for encoder in pair)
    assert torch.equal(features, expected)


def test_a_mask_or_weights_are_torchs_own():
    torch.manual_seed(0)
    joined = nn.MultiheadAttention(8, 2, batch_first=True)
    ordinary = copy.deepcopy(joined)
    joined.__class__ = JoinedAttention
    x, mask = torch.randn(2, 5, 8), torch.ones(5, 5).triu(1).bool()
    for arguments in ({"attn_mask": mask, "need_weights": False}, {}):
        for mine, expected in zip(joined(x, x, x, **arguments), ordinary(x, x, x, **arguments), strict=True):
            assert mine is expected is None or torch.equal(mine, expected)


def test_weights_converted_together_train_as_under_autocast(pair, monkeypatch):
    """To the bit; also where the blocks' activations are computed again, in which nothing is converted together."""
    encoder = pair[0].float()
    images = torch.randn(3, 3, *SIZE)
    results = [step(encoder, images, autocast=True)]
    encoder.checkpoint_activations()
    results.append(step(encoder, images, autocast=True))
    monkeypatch.setattr(CLIPViT, "_converted", lambda self, device: {})
    results.append(step(encoder, images, autocast=True))
    for features, gradients, _ in results[:2]:
        assert torch.equal(features, results[2][0])
        assert all(torch.equal(gradients[name], gradient) for name, gradient in results[2][1].items())
    assert all(weight.dtype == torch.float32 for weight in encoder.parameters())
    assert results[0][2] < 0.6 * results[2][2]
