"""The encoder's own image embedding as the condition, for a denoiser that was pre-trained on such embeddings. B batch, D width."""

from torch import Tensor

from dcac_fastreid.conditioners.conditioner import Conditioner
from dcac_fastreid.conditioners.registry import CONDITIONER_REGISTRY
from dcac_fastreid.errors import InputError
from fastreid.config import configurable


@CONDITIONER_REGISTRY.register()
class ImageEmbeddingConditioner(Conditioner):
    """c_i = e_i: CLIP's projected image embedding, before the BNNeck and not normalised; beyond the paper.

    Stable Diffusion image variations, with CLIP ViT-L/14 as the encoder, was trained on just this token. Nothing stands between
    encoder and denoiser, so that nothing has to be learned before the denoiser understands its condition. Of another encoder,
    whose embedding has another width or meaning, InstanceWiseConditioner learns a projection.

    Args:
        embedding_dim: D. condition_dim: C, the same.
        transform: see Conditioner.
    """

    reads_embeddings = True

    @configurable
    def __init__(self, *, embedding_dim: int, condition_dim: int, **transform):
        super().__init__(**transform)
        if embedding_dim != condition_dim:
            raise InputError(
                f"MODEL.DCAC.CONDITIONER.NAME is ImageEmbeddingConditioner, but the encoder's embedding has {embedding_dim} "
                f"numbers and the diffusion model's condition {condition_dim}; set "
                "InstanceWiseConditioner, which learns a projection"
            )

    @classmethod
    def from_config(cls, cfg, condition_dim: int):
        if cfg.MODEL.HEADS.POOL_LAYER != "Identity":
            raise InputError(
                "MODEL.DCAC.CONDITIONER.NAME is ImageEmbeddingConditioner, but MODEL.HEADS.POOL_LAYER "
                f"{cfg.MODEL.HEADS.POOL_LAYER}; expected Identity, with an encoder that gives one embedding of an image, as CLIP's"
            )
        return {
            **super().from_config(cfg, condition_dim),
            "embedding_dim": cfg.MODEL.BACKBONE.FEAT_DIM,
            "condition_dim": condition_dim,
        }

    def condition(self, *, features: Tensor, logits: Tensor, targets: Tensor, prototypes: Tensor) -> Tensor:
        """Reads the features, which are the encoder's embeddings (B, D). Returns (B, 1, D)."""
        return features[:, None]
