"""CLIP's image encoder as a fast-reid backbone, Section 4.1: the only import of open_clip. B batch, D feature width."""

from pathlib import Path

from torch import Tensor, nn

from dcac_fastreid.errors import InputError
from dcac_fastreid.reid.clip_weights import load_image_tower
from fastreid.modeling.backbones import BACKBONE_REGISTRY

# Model configurations of ours beside open_clip's own, in its format: the small CLIP of the synthetic world.
ARCHITECTURES = Path(__file__).parent / "clip_architectures"


class CLIPViT(nn.Module):
    """open_clip's ViT: the projected class token. Its patch projection is frozen, all else trains (Section 5.2).

    Args:
        arch: name of an open_clip model configuration with a ViT image tower.
        image_size: (H, W) in pixels; the patch size must divide both.
    Raises:
        InputError: unknown arch, or a size that the patches do not divide.
    """

    def __init__(self, arch: str, image_size: tuple[int, int]):
        super().__init__()
        self.tower = _image_tower(arch, image_size)
        self.feature_dim = self.tower.output_dim
        self.tower.conv1.requires_grad_(False)  # for stability, Section 5.2

    def forward(self, images: Tensor) -> Tensor:
        """Normalised images (B, 3, H, W) to (B, D, 1, 1): fast-reid's heads expect a feature map."""
        return self.tower(images)[..., None, None]


@BACKBONE_REGISTRY.register()
def build_clip_vit_backbone(cfg) -> CLIPViT:
    """MODEL.CLIP.ARCH at INPUT.SIZE_TRAIN; with MODEL.BACKBONE.PRETRAIN, the weights of MODEL.BACKBONE.PRETRAIN_PATH."""
    if tuple(cfg.INPUT.SIZE_TRAIN) != tuple(cfg.INPUT.SIZE_TEST):
        raise InputError(
            f"INPUT.SIZE_TRAIN {cfg.INPUT.SIZE_TRAIN} and SIZE_TEST {cfg.INPUT.SIZE_TEST} must agree: "
            "the positional embedding belongs to one size"
        )
    backbone = CLIPViT(cfg.MODEL.CLIP.ARCH, tuple(cfg.INPUT.SIZE_TRAIN))
    if backbone.feature_dim != cfg.MODEL.BACKBONE.FEAT_DIM:
        raise InputError(
            f"MODEL.BACKBONE.FEAT_DIM is {cfg.MODEL.BACKBONE.FEAT_DIM}, but {cfg.MODEL.CLIP.ARCH} gives {backbone.feature_dim}"
        )
    if cfg.MODEL.BACKBONE.PRETRAIN:
        load_image_tower(
            backbone.tower, cfg.MODEL.BACKBONE.PRETRAIN_PATH, interpolation=cfg.MODEL.CLIP.POS_EMBED_INTERPOLATION
        )
    return backbone


def _image_tower(arch: str, image_size: tuple[int, int]) -> nn.Module:
    try:
        import open_clip  # seconds: it drags in timm and transformers
        from open_clip.model import CLIPVisionCfg
        from open_clip.transformer import QuickGELU, VisionTransformer
    except ImportError as error:
        raise ImportError(
            f"the CLIP backbone needs open_clip, which cannot be imported ({error}); install it with: pip install open_clip_torch"
        ) from error
    open_clip.add_model_config(ARCHITECTURES)
    model = open_clip.get_model_config(arch)
    if model is None:
        raise InputError(
            f"MODEL.CLIP.ARCH is {arch!r}, which is no open_clip model; open_clip.list_models() lists them"
        )
    vision = CLIPVisionCfg(**model["vision_cfg"])
    used = ("image_size", "patch_size", "width", "head_width", "layers", "mlp_ratio")
    special = {k: v for k, v in vars(vision).items() if k not in used and v != getattr(CLIPVisionCfg(), k)}
    if special or not isinstance(vision.layers, int):
        raise InputError(
            f"MODEL.CLIP.ARCH is {arch!r}, whose image tower is no plain CLIP ViT ({special or 'a ResNet'}); "
            "choose one such as ViT-B-16-quickgelu"
        )
    if any(side % vision.patch_size for side in image_size):
        raise InputError(
            f"the input size {image_size} must be a multiple of the patch size {vision.patch_size} of {arch}"
        )
    return VisionTransformer(
        image_size=image_size,
        patch_size=vision.patch_size,
        width=vision.width,
        layers=vision.layers,
        heads=vision.width // vision.head_width,
        mlp_ratio=vision.mlp_ratio,
        output_dim=model["embed_dim"],
        act_layer=QuickGELU if model.get("quick_gelu") else nn.GELU,
    )
