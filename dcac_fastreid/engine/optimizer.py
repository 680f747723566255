"""The optimizer of a training: fast-reid's choice, in few groups and one fused kernel each."""

import inspect

from torch import nn
from torch.optim import Optimizer

from dcac_fastreid.dcac import DCAC, scale_learning_rates
from fastreid.solver import build_optimizer as build_host_optimizer

FUSED = ("Adam", "AdamW", "SGD")  # those for which PyTorch has fused kernels on CPU and GPU


def build_optimizer(cfg, model: nn.Module) -> tuple[Optimizer, list[dict]]:
    """fast-reid's optimizer for the weights that train, and its groups; the arithmetic is that of one group per weight.

    Weights that no gradient can reach (queries and keys of a cross-attention to one token) are left out.
    """
    separate, _ = build_host_optimizer(cfg, model, contiguous=False)
    unused = set()
    if isinstance(model, DCAC):
        scale_learning_rates(model, separate, prompts=cfg.SOLVER.PROMPTS_LR_FACTOR, lora=cfg.SOLVER.LORA_LR_FACTOR)
        unused = set(model.unused_parameters())
    groups = _merged([group for group in separate.param_groups if not unused.intersection(group["params"])])
    kind = type(separate)
    settings = {key: value for key, value in separate.defaults.items() if key in inspect.signature(kind).parameters}
    if cfg.SOLVER.OPT in FUSED:
        settings["fused"] = True
        for group in groups:
            group["fused"] = True
    return kind(groups, **settings), groups


def _merged(groups: list[dict]) -> list[dict]:
    """One group for all weights of the same settings, in the order in which these appear first."""
    merged = {}
    for group in groups:
        settings = {key: value for key, value in group.items() if key != "params"}
        same = merged.setdefault(repr(sorted(settings.items())), {"params": [], **settings})
        same["params"] += group["params"]
    return list(merged.values())
