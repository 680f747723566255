"""The layer is checked by what it must be in each architecture; that its patches lie right, by moving one."""

import pytest
import torch
from torch import nn

from dcac_fastreid.analysis.feature_maps import last_feature_map
from dcac_fastreid.errors import InputError
from dcac_fastreid.reid import CLIPViT
from fastreid.modeling.backbones.resnet import BasicBlock, ResNet
from fastreid.modeling.backbones.vision_transformer import VisionTransformer

IMAGE = torch.randn(1, 3, 128, 64, generator=torch.Generator().manual_seed(0))


def scored(backbone: nn.Module, width: int) -> nn.Module:
    """A pooled feature under a classifier of 5."""
    torch.manual_seed(0)
    return nn.Sequential(backbone, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 5)).eval()


@pytest.mark.parametrize("kind", ["clip", "host"])
def test_of_a_vit_it_is_the_normalisation_before_the_last_attention(kind):
    """Behind it the class token alone is read, so no gradient reaches a patch; the host's ViT still computes them."""
    torch.manual_seed(0)
    if kind == "clip":
        backbone = CLIPViT("synthetic-ViT-16", (128, 64))
        blocks, norm = backbone.tower.transformer.resblocks, "ln_1"
    else:
        backbone = VisionTransformer(
            img_size=(128, 64), patch_size=16, stride_size=16, embed_dim=128, depth=2, num_heads=4
        )
        blocks, norm = backbone.blocks, "norm1"
    layer, as_map = last_feature_map(scored(backbone, 128), IMAGE)
    assert layer is getattr(blocks[-1], norm)
    tokens = torch.arange(33.0).view(1, 33, 1).expand(1, 33, 128)  # the class token is 0
    assert torch.equal(as_map(tokens)[0, 7], torch.arange(1.0, 33.0).view(8, 4))


def test_of_a_cnn_it_is_the_last_map():
    torch.manual_seed(0)
    backbone = ResNet(
        last_stride=1, bn_norm="BN", with_ibn=False, with_se=False, with_nl=False, block=BasicBlock, layers=[1, 1, 1, 1],
        non_layers=[0, 0, 0, 0],
    )  # fmt: skip
    layer, as_map = last_feature_map(scored(backbone, 512), IMAGE)
    assert as_map is None
    assert layer is backbone  # whose output is that of its layer4
    assert backbone(IMAGE).shape == (1, 512, 8, 4)


def test_patches_that_are_all_read_are_a_map_without_a_class_token():
    class Patches(nn.Module):
        def __init__(self):
            super().__init__()
            self.cut, self.norm = nn.Conv2d(3, 6, 16, 16), nn.LayerNorm(6)

        def forward(self, images):
            return self.norm(self.cut(images).flatten(2).transpose(1, 2)).mean(dim=1)

    model = Patches()
    layer, as_map = last_feature_map(model, IMAGE)
    assert layer is model.norm
    assert torch.equal(as_map(torch.arange(32.0).view(1, 32, 1))[0, 0], torch.arange(32.0).view(8, 4))


def test_a_model_without_places_is_one_sentence():
    with pytest.raises(InputError, match="no layer of the model tells places of the image apart"):
        last_feature_map(nn.Sequential(nn.Flatten(), nn.Linear(3 * 128 * 64, 5)), IMAGE)


def test_the_trial_leaves_no_trace():
    model = scored(nn.Conv2d(3, 4, 16, 16), 4)
    last_feature_map(model, IMAGE)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())
