import json

import open_clip
import pytest
import timm
from timm.models import register_model
from timm.models.vision_transformer import VisionTransformer

from dcac_fastreid.synthetic.parts import part


@pytest.fixture(scope="session")
def clip_file():
    """A small CLIP checkpoint in open_clip's format, image and text tower, of the architecture synthetic-ViT-16."""
    return part("clip")


@pytest.fixture(scope="session")
def small_siglip(tmp_path_factory) -> str:
    """The name of a small open_clip model of SigLIP's structure: a timm trunk, no class token, attention pooling."""
    if not timm.is_model("small_siglip"):

        def small_siglip(num_classes, global_pool, **of_timm):
            return VisionTransformer(
                img_size=64,
                patch_size=16,
                embed_dim=64,
                depth=2,
                num_heads=2,
                class_token=False,
                num_classes=num_classes,
                global_pool=global_pool,
            )

        register_model(small_siglip)
    config = {
        "embed_dim": 64,
        "custom_text": True,
        "vision_cfg": {
            "image_size": 64,
            "timm_model_name": "small_siglip",
            "timm_pool": "map",
            "timm_proj": "none",
        },
        "text_cfg": {"context_length": 8, "vocab_size": 64, "width": 64, "heads": 2, "layers": 1},
    }
    file = tmp_path_factory.mktemp("arch") / "small-SigLIP.json"
    file.write_text(json.dumps(config))
    open_clip.add_model_config(file)
    return "small-SigLIP"
