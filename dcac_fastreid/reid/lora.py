"""LoRA (Hu et al., ICLR 2022) on the linear layers of an image tower's blocks: W + s B A, only A and B train.

As parametrizations of PyTorch: attention has its query, key and value weights in one parameter, which is no layer of its own,
and reads its output projection's weight without calling the layer.
"""

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from dcac_fastreid.errors import InputError

SCALE = 2.0  # s = alpha / rank, alpha being twice the rank
OWN_STREAM = 2_000_003  # added to the seed: the rest of the model starts from the same weights with and without LoRA


class LowRankUpdate(nn.Module):
    """W (out, in) to W + s B A; B begins at zero, so nothing changes at first. A (rank, in), B (out, rank)."""

    def __init__(self, weight: Tensor, rank: int):
        super().__init__()
        self.lora_A = nn.Parameter(torch.empty(rank, weight.shape[1]))
        self.lora_B = nn.Parameter(torch.zeros(weight.shape[0], rank))
        nn.init.kaiming_uniform_(self.lora_A, a=5**0.5)  # as a linear layer of PyTorch begins

    def forward(self, weight: Tensor) -> Tensor:
        return weight + SCALE * self.lora_B @ self.lora_A


def adapt_tower(tower: nn.Module, *, rank: int, seed: int) -> None:
    """Freezes the tower, and puts adapters that train beside the weights of attention and MLP of each block, in place.

    Args: tower: an open_clip ViT with its pre-trained weights. seed: of the adapters' A; torch's own stream stays as it was.
    Raises: InputError: a tower without open_clip's blocks.
    """
    blocks = getattr(getattr(tower, "transformer", None), "resblocks", None)
    if not blocks:
        raise InputError(
            "MODEL.CLIP.TUNING is 'lora', but the image tower of MODEL.CLIP.ARCH has no blocks of open_clip's own ViT, whose "
            "layers take it; set it to 'full', or choose such a ViT, ViT-B-16-quickgelu say"
        )
    tower.requires_grad_(False)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed + OWN_STREAM)
        for module in list(blocks.modules()):
            if isinstance(module, nn.MultiheadAttention):
                _adapt(module, "in_proj_weight", rank)
            elif isinstance(module, nn.Linear):
                _adapt(module, "weight", rank)


def _adapt(module: nn.Module, name: str, rank: int) -> None:
    parametrize.register_parametrization(module, name, LowRankUpdate(getattr(module, name), rank))
