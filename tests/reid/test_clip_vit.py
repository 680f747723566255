import open_clip
import pytest
import torch
from safetensors.torch import load_file, save_file

from dcac_fastreid.errors import InputError
from dcac_fastreid.reid import CLIPViT, build_clip_vit_backbone
from dcac_fastreid.reid.clip_weights import load_image_tower
from dcac_fastreid.reid.open_clip_models import ARCHITECTURES


def frozen(backbone):
    return [name for name, parameter in backbone.named_parameters() if not parameter.requires_grad]


def test_features_equal_open_clips_own_image_tower(clip_file):
    """At CLIP's own square size, where no resizing is involved."""
    open_clip.add_model_config(ARCHITECTURES)
    clip = open_clip.CLIP(**open_clip.get_model_config("synthetic-ViT-16")).eval()
    clip.load_state_dict(load_file(clip_file))
    images = torch.randn(2, 3, 128, 64)
    backbone = CLIPViT("synthetic-ViT-16", (128, 64)).eval()
    load_image_tower(backbone.tower, str(clip_file), interpolation="bilinear")
    features = backbone(images)
    assert features.shape == (2, 128, 1, 1)
    torch.testing.assert_close(features[..., 0, 0], clip.encode_image(images))


@pytest.mark.parametrize(
    ("arch", "size", "width", "grid", "hidden", "trainable"),
    [
        ("ViT-B-16-quickgelu", (256, 128), 512, 16 * 8, 768, 85_550_592),
        # Of these, the trainable count of ViT-B/16 less 96 positions; of OpenAI's ViT-L/14 with 163 of its 257 positions.
        ("ViT-B-32", (256, 128), 512, 8 * 4, 768, 85_550_592 - 96 * 768),
        ("ViT-L-14", (252, 126), 768, 18 * 9, 1024, 303_966_208 - 588 * 1024 - 94 * 1024),
    ],
)
def test_towers_of_full_size(arch, size, width, grid, hidden, trainable):
    with torch.device("meta"):
        backbone = CLIPViT(arch, size)
        assert backbone(torch.empty(2, 3, *size)).shape == (2, width, 1, 1)
    assert sum(p.numel() for p in backbone.parameters() if p.requires_grad) == trainable
    assert backbone.tower.positional_embedding.shape == (grid + 1, hidden)
    assert frozen(backbone) == ["tower.conv1.weight"]


def test_siglip_of_full_size():
    """Its timm trunk: 16 x 8 positions without class token, the pooled feature as wide as the trunk."""
    with torch.device("meta"):
        backbone = CLIPViT("ViT-B-16-SigLIP", (256, 128))
        assert backbone(torch.empty(2, 3, 256, 128)).shape == (2, 768, 1, 1)
    assert backbone.feature_dim == 768
    assert backbone.tower.trunk.pos_embed.shape == (1, 128, 768)
    assert frozen(backbone) == ["tower.trunk.patch_embed.proj.weight", "tower.trunk.patch_embed.proj.bias"]


def test_siglips_feature_is_that_of_its_trunk(small_siglip):
    backbone = CLIPViT(small_siglip, (128, 64)).eval()
    images = torch.randn(2, 3, 128, 64)
    trunk = backbone.tower.trunk
    tokens = trunk.patch_embed.proj(images).flatten(2).transpose(1, 2) + trunk.pos_embed
    expected = trunk.attn_pool(trunk.norm(trunk.blocks(tokens)))[:, None]
    torch.testing.assert_close(backbone(images)[..., 0, 0], expected.reshape(2, 64))


@pytest.mark.parametrize(("arch", "activation"), [("ViT-B-16", "GELU"), ("ViT-B-16-quickgelu", "QuickGELU")])
def test_the_activation_is_the_models(arch, activation):
    with torch.device("meta"):
        names = [type(module).__name__ for module in CLIPViT(arch, (256, 128)).modules()]
    assert names.count(activation) == 12
    assert not {"GELU", "QuickGELU"} - {activation} & set(names)


def test_a_tower_that_gives_its_tokens_too_gives_its_feature_alone():
    with torch.device("meta"):
        assert CLIPViT("coca_ViT-B-32", (256, 128))(torch.empty(2, 3, 256, 128)).shape == (2, 512, 1, 1)


def test_a_tower_without_patches_trains_whole():
    """MobileCLIP begins with overlapping convolutions."""
    with torch.device("meta"):
        backbone = CLIPViT("MobileCLIP-S1", (256, 128))
        assert backbone(torch.empty(2, 3, 256, 128)).shape == (2, 512, 1, 1)
    assert frozen(backbone) == []


def test_sizes_and_names_that_cannot_work_are_refused():
    with pytest.raises(ValueError, match="130 x 64 must be a multiple of the patch size 16 .* nearest is 128 x 64"):
        CLIPViT("synthetic-ViT-16", (130, 64))
    with pytest.raises(ValueError, match=r"multiple of the patch size 14 of ViT-L-14; the nearest is 252 x 126"):
        CLIPViT("ViT-L-14", (256, 128))
    for name in ("ViT-Z", "hf-hub:someone/model"):  # no download, least of all of what a checkpoint's config names
        with pytest.raises(InputError, match=f"'{name}', which is no open_clip model"):
            CLIPViT(name, (256, 128))
    with pytest.raises(ValueError, match="whose image tower is a ResNet"):
        CLIPViT("RN50", (256, 128))


def test_a_timm_trunk_is_asked_for_its_patches(small_siglip):
    with pytest.raises(ValueError, match="100 x 64 must be a multiple of the patch size 16 .* nearest is 96 x 64"):
        CLIPViT(small_siglip, (100, 64))


def test_the_config_says_which_tower_and_weights(make_cfg, clip_file, tmp_path):
    """From the config to weights: file, interpolation and size."""
    weights = load_file(clip_file)
    torch.manual_seed(0)
    weights["visual.positional_embedding"] = torch.randn(1 + 4 * 4, 128)  # of a square grid, as CLIP's
    save_file(weights, tmp_path / "clip.safetensors")
    built = {}
    for interpolation in ("bilinear", "bicubic"):
        cfg = make_cfg(
            "baseline/ma_ms.yml",
            "MODEL.BACKBONE.PRETRAIN_PATH", str(tmp_path / "clip.safetensors"),
            "MODEL.CLIP.POS_EMBED_INTERPOLATION", interpolation,
        )  # fmt: skip
        built[interpolation] = build_clip_vit_backbone(cfg).tower
        assert torch.equal(built[interpolation].proj, weights["visual.proj"])
    assert not torch.allclose(built["bilinear"].positional_embedding, built["bicubic"].positional_embedding)


def test_settings_that_do_not_fit_the_tower_are_refused(make_cfg):
    with pytest.raises(ValueError, match="FEAT_DIM is 512, but synthetic-ViT-16 gives 128"):
        build_clip_vit_backbone(make_cfg("baseline/ma_ms.yml", "MODEL.BACKBONE.FEAT_DIM", 512))
    with pytest.raises(ValueError, match="must agree"):
        build_clip_vit_backbone(make_cfg("baseline/ma_ms.yml", "INPUT.SIZE_TEST", [64, 32]))
