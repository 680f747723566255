"""CLIP's image encoder as a fast-reid backbone, Section 4.1. B batch, D feature width."""

from torch import Tensor, nn

from dcac_fastreid.errors import InputError
from dcac_fastreid.reid.class_token import only_class_token
from dcac_fastreid.reid.clip_weights import load_image_tower
from dcac_fastreid.reid.open_clip_models import image_tower, weights_file
from fastreid.modeling.backbones import BACKBONE_REGISTRY


class CLIPViT(nn.Module):
    """An image tower of open_clip: its pooled feature. The patch projection is frozen, all else trains (Section 5.2).

    Args:
        arch: name of an open_clip model configuration; its activation is the model's ("-quickgelu": OpenAI's).
        image_size: (H, W) in pixels; the patch size must divide both.
    Raises:
        InputError: unknown arch, a ResNet, or a size that the patches do not divide.
    """

    def __init__(self, arch: str, image_size: tuple[int, int]):
        super().__init__()
        self.tower, self.feature_dim = image_tower(arch, image_size)
        projection = _patch_projection(self.tower)
        if projection is not None:
            projection.requires_grad_(False)  # for stability, Section 5.2
        only_class_token(self.tower)

    def checkpoint_activations(self) -> None:
        """From now on the backward pass computes the blocks' activations again instead of keeping them."""
        self.tower.set_grad_checkpointing(True)

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
            backbone.tower,
            weights_file(cfg.MODEL.CLIP.ARCH, cfg.MODEL.BACKBONE.PRETRAIN_PATH),
            interpolation=cfg.MODEL.CLIP.POS_EMBED_INTERPOLATION,
        )
    return backbone


def _patch_projection(tower: nn.Module) -> nn.Conv2d | None:
    """The convolution that cuts the image into patches; None for a tower that begins with overlapping convolutions."""
    first = next(module for module in tower.modules() if isinstance(module, nn.Conv2d))
    return first if first.kernel_size == first.stride else None
