"""Random weights that are made fast look like those of the layers' own initialisation."""

import pytest
import torch
from torch import nn

from dcac_fastreid.diffusion import lora_parameters
from dcac_fastreid.profiling import build as build_module
from dcac_fastreid.profiling.build import DRAWN, build


def test_large_tensors_repeat_a_draw_of_the_same_distribution():
    with build_module._TiledDraws():
        large = torch.empty(1100, 2000)
        nn.init.uniform_(large, -0.5, 0.5)
    flat = large.flatten()
    assert torch.equal(flat[:DRAWN], flat[DRAWN : 2 * DRAWN])
    assert len(flat[:DRAWN].unique()) > DRAWN // 2
    assert flat.std().item() == pytest.approx(1 / 12**0.5, rel=0.01) and flat[-1] != 0
    assert not torch.equal(large[0], large[1])


def test_small_tensors_are_drawn_as_ever():
    torch.manual_seed(0)
    plain = torch.empty(100).normal_()
    torch.manual_seed(0)
    with build_module._TiledDraws():
        assert torch.equal(torch.empty(100).normal_(), plain)


def test_a_model_can_train_at_once_and_its_adapters_count(tiny):
    model = build(tiny.config("ma_ms"), tiny.num_classes, "cpu")
    assert model.training and model.memory.filled
    assert torch.allclose(model.memory.prototypes.norm(dim=1), torch.ones(tiny.num_classes))
    assert all(weight.any() for weight in lora_parameters(model.feedback.denoiser))
