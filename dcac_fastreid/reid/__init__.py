"""The left box of Figure 2: the Re-ID model."""

from dcac_fastreid.reid.baseline import PrototypicalBaseline
from dcac_fastreid.reid.clip_vit import CLIPViT, build_clip_vit_backbone

__all__ = ["CLIPViT", "PrototypicalBaseline", "build_clip_vit_backbone"]
