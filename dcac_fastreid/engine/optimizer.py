"""The optimizer of a training: fast-reid's choice, in few groups and one fused kernel each."""

import inspect
import re

from torch import nn
from torch.optim import Optimizer

from dcac_fastreid.dcac import DCAC, scale_learning_rates
from fastreid.solver import build_optimizer as build_host_optimizer

FUSED = ("Adam", "AdamW", "SGD")  # those for which PyTorch has fused kernels on CPU and GPU
BLOCK = re.compile(r"(?:^|\.)resblocks\.(\d+)\.")  # in the name of a weight of an image tower of open_clip
BEHIND_BLOCKS = ("ln_post", "proj", "attn_pool")  # parts of the tower that read the last block's output


def build_optimizer(cfg, model: nn.Module) -> tuple[Optimizer, list[dict]]:
    """fast-reid's optimizer for the weights that train, and its groups; the arithmetic is that of one group per weight.

    Weights that no gradient can reach (queries and keys of a cross-attention to one token) are left out.
    """
    separate, _ = build_host_optimizer(cfg, model, contiguous=False)
    unused = set()
    if isinstance(model, DCAC):
        scale_learning_rates(model, separate, prompts=cfg.SOLVER.PROMPTS_LR_FACTOR, lora=cfg.SOLVER.LORA_LR_FACTOR)
        unused = set(model.unused_parameters())
    if cfg.SOLVER.LAYER_DECAY != 1:
        scale_layer_rates(model.backbone, separate, cfg.SOLVER.LAYER_DECAY)
    groups = _merged([group for group in separate.param_groups if not unused.intersection(group["params"])])
    kind = type(separate)
    settings = {key: value for key, value in separate.defaults.items() if key in inspect.signature(kind).parameters}
    if cfg.SOLVER.OPT in FUSED:
        settings["fused"] = True
        for group in groups:
            group["fused"] = True
    return kind(groups, **settings), groups


def scale_layer_rates(encoder: nn.Module, optimizer: Optimizer, decay: float) -> None:
    """Multiplies the learning rates of the encoder's weights, in place, before a schedule takes them as its base.

    Args:
        encoder: with numbered blocks, see `count_blocks`.
        optimizer: with a group for every weight, as fast-reid builds it.
        decay: in (0, 1]; block k of K gets decay^(K - 1 - k), what stands before block 0 decay^K, what stands behind 1.
    """
    blocks = count_blocks(encoder)
    factors = {weight: decay ** (blocks - _depth(name, blocks)) for name, weight in encoder.named_parameters()}
    for group in optimizer.param_groups:
        (weight,) = group["params"]
        group["lr"] *= factors.get(weight, 1.0)


def count_blocks(encoder: nn.Module) -> int:
    """K; 0 where the encoder's blocks are not numbered as those of open_clip's ViT."""
    found = (BLOCK.search(name) for name, _ in encoder.named_parameters())
    return 1 + max((int(match[1]) for match in found if match), default=-1)


def _depth(name: str, blocks: int) -> int:
    """0 before the blocks, k + 1 in block k, K behind them."""
    if match := BLOCK.search(name):
        return int(match[1]) + 1
    return blocks if set(name.split(".")).intersection(BEHIND_BLOCKS) else 0


def _merged(groups: list[dict]) -> list[dict]:
    """One group for all weights of the same settings, in the order in which these appear first."""
    merged = {}
    for group in groups:
        settings = {key: value for key, value in group.items() if key != "params"}
        same = merged.setdefault(repr(sorted(settings.items())), {"params": [], **settings})
        same["params"] += group["params"]
    return list(merged.values())
