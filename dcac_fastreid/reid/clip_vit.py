"""CLIP's image encoder as a fast-reid backbone, Section 4.1. B batch, D feature width."""

import torch
from torch import Tensor, nn
from torch.func import functional_call

from dcac_fastreid.errors import InputError
from dcac_fastreid.many_weights import converted
from dcac_fastreid.reid.class_token import only_class_token
from dcac_fastreid.reid.clip_weights import load_image_tower
from dcac_fastreid.reid.fewer_operations import join_operations
from dcac_fastreid.reid.open_clip_models import image_tower, weights_file
from fastreid.modeling.backbones import BACKBONE_REGISTRY

CONVERTED = (nn.Linear, nn.MultiheadAttention)  # autocast converts their weights


class CLIPViT(nn.Module):
    """An image tower of open_clip: its pooled feature. The patch projection is frozen, all else trains (Section 5.2).

    Args:
        arch: name of an open_clip model configuration; its activation is the model's ("-quickgelu": OpenAI's).
        image_size: (H, W) in pixels; the patch size must divide both.
    Attributes:
        converts_together: whether mixed precision converts many weights by one operation.
    Raises:
        InputError: unknown arch, a ResNet, or a size that the patches do not divide.
    """

    def __init__(self, arch: str, image_size: tuple[int, int]):
        super().__init__()
        self.converts_together = True
        self.tower, self.feature_dim = image_tower(arch, image_size)
        projection = _patch_projection(self.tower)
        if projection is not None:
            projection.requires_grad_(False)  # for stability, Section 5.2
        only_class_token(self.tower)
        join_operations(self.tower)

    def checkpoint_activations(self) -> None:
        """From now on the backward pass computes the blocks' activations again instead of keeping them."""
        self.tower.set_grad_checkpointing(True)
        self.converts_together = False  # what is computed again would find the tower's own weights

    def forward(self, images: Tensor) -> Tensor:
        """Normalised images (B, 3, H, W) to (B, D, 1, 1): fast-reid's heads expect a feature map."""
        return functional_call(self.tower, self._converted(images.device.type), images)[..., None, None]

    def _converted(self, device: str) -> dict[str, Tensor]:
        """In a training step of mixed precision, the weights of linear layers and attention in its type, by name; else none."""
        if (
            not self.training or not self.converts_together or torch.compiler.is_compiling()
        ):  # it joins operations itself
            return {}
        if device == "meta" or not torch.is_autocast_enabled(device):
            return {}
        modules = [(name, module) for name, module in self.tower.named_modules() if isinstance(module, CONVERTED)]
        weights = {
            f"{prefix}.{name}": weight
            for prefix, module in modules
            for name, weight in module.named_parameters(recurse=False)
            if weight.requires_grad
        }
        if not weights:
            return {}
        return dict(zip(weights, converted([*weights.values()], torch.get_autocast_dtype(device)), strict=True))


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
