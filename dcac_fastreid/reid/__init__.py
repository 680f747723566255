"""The left box of Figure 2: the Re-ID model."""

from dcac_fastreid.reid.baseline import PrototypicalBaseline
from dcac_fastreid.reid.building import build_reid_model, parts_that_fit
from dcac_fastreid.reid.clip_vit import CLIPViT, build_clip_vit_backbone
from dcac_fastreid.reid.open_clip_models import names_tag, pixel_statistics, weights_file

__all__ = [
    "CLIPViT",
    "PrototypicalBaseline",
    "build_clip_vit_backbone",
    "build_reid_model",
    "names_tag",
    "parts_that_fit",
    "pixel_statistics",
    "weights_file",
]
