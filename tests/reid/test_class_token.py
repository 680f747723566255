"""The last block's class token alone: the same feature, gradients and checkpoint, without the work at the patches."""

import pytest
import torch

from dcac_fastreid.reid import CLIPViT
from dcac_fastreid.reid.class_token import ClassTokenBlock, only_class_token
from dcac_fastreid.reid.open_clip_models import image_tower

SIZE, TOKENS = (64, 32), 4 * 2 + 1


@pytest.fixture
def pair():
    """Our backbone, and open_clip's own tower with the same weights; float64."""
    torch.manual_seed(0)
    tower, _ = image_tower("synthetic-ViT-16", SIZE)
    backbone = CLIPViT("synthetic-ViT-16", SIZE)
    backbone.tower.load_state_dict(tower.state_dict())
    return backbone.double(), tower.double()


@pytest.mark.parametrize("training", [True, False])
def test_feature_and_gradients_are_those_of_the_whole_block(pair, training):
    backbone, tower = pair
    backbone.train(training), tower.train(training)
    images = torch.randn(3, 3, *SIZE, dtype=torch.float64)
    features, expected = backbone(images)[..., 0, 0], tower(images)
    torch.testing.assert_close(features, expected, rtol=1e-12, atol=1e-13)
    features.square().sum().backward()
    expected.square().sum().backward()
    for (name, p), q in zip(backbone.tower.named_parameters(), tower.parameters(), strict=True):
        if p.requires_grad:
            torch.testing.assert_close(p.grad, q.grad, rtol=1e-9, atol=1e-12, msg=name)


def test_a_checkpoint_knows_no_difference(pair):
    backbone, tower = pair
    assert list(backbone.tower.state_dict()) == list(tower.state_dict())


def test_the_first_normalisation_sees_every_token_and_the_mlp_one(pair):
    backbone, _ = pair
    block, seen = backbone.tower.transformer.resblocks[-1], {}
    assert isinstance(block, ClassTokenBlock)
    block.ln_1.register_forward_hook(lambda module, inputs, output: seen.update(norm=output))
    block.mlp.register_forward_hook(lambda module, inputs, output: seen.update(mlp=output))
    features = backbone(torch.randn(2, 3, *SIZE, dtype=torch.float64))
    assert seen["norm"].shape[:2] == (2, TOKENS) and seen["mlp"].shape[:2] == (2, 1)
    (gradient,) = torch.autograd.grad(features.sum(), seen["norm"])
    assert (gradient.abs().sum(2) > 0).all(), "Grad-CAM reads it at every patch"


def test_activation_checkpointing_changes_no_gradient(pair):
    backbone, tower = pair
    backbone.train().checkpoint_activations()
    images = torch.randn(2, 3, *SIZE, dtype=torch.float64)
    backbone(images).square().sum().backward()
    tower(images).square().sum().backward()
    torch.testing.assert_close(backbone.tower.positional_embedding.grad, tower.positional_embedding.grad)


def test_towers_that_read_other_tokens_stay_whole(small_siglip):
    with torch.device("meta"):
        for arch, size in (("coca_ViT-B-32", (64, 32)), (small_siglip, (64, 32)), ("ViT-B-16-quickgelu", (64, 32))):
            shortened = [isinstance(module, ClassTokenBlock) for module in CLIPViT(arch, size).modules()]
            assert any(shortened) == arch.startswith("ViT"), arch


def test_a_tower_that_averages_its_patches_stays_whole():
    tower, _ = image_tower("synthetic-ViT-16", SIZE)
    tower.pool_type = "avg"
    only_class_token(tower)
    assert not any(isinstance(module, ClassTokenBlock) for module in tower.modules())
