"""Which losses are there, and which of them does a config name?"""

from collections.abc import Callable

from fastreid.utils.registry import Registry

LOSS_REGISTRY = Registry("LOSS")
LOSS_REGISTRY.__doc__ = """
Losses that stand in MODEL.LOSSES.NAME beside fast-reid's own.

The registered function is called with `obj(cfg)` and returns a callable
`loss(outputs, targets, prototypes) -> dict of scalars`: outputs of the head (`cls_outputs` (B, N), `features` (B, D) after the
BNNeck), targets (B,) int64, prototypes (N, D) with unit rows, which take no gradient. It changes nothing.
"""

# fast-reid computes these itself, in Baseline.losses; it ignores a name that it does not know.
HOST_LOSSES = ("CrossEntropyLoss", "TripletLoss", "CircleLoss", "Cosface")


def build_losses(cfg) -> list[Callable]:
    """The losses of this package that MODEL.LOSSES.NAME names.

    Raises:
        ValueError: a name is neither ours nor fast-reid's, or two names give the same loss.
    """
    ours = tuple(LOSS_REGISTRY._obj_map)  # the host's Registry has no public list of its names
    for name in cfg.MODEL.LOSSES.NAME:
        if name not in ours + HOST_LOSSES:
            raise ValueError(f"MODEL.LOSSES.NAME has {name!r}; known losses are {', '.join(ours + HOST_LOSSES)}")
    if {"IDLoss", "CrossEntropyLoss"} <= set(cfg.MODEL.LOSSES.NAME):
        raise ValueError("MODEL.LOSSES.NAME has both IDLoss (Eq. 5) and fast-reid's CrossEntropyLoss; keep one of them")
    return [LOSS_REGISTRY.get(name)(cfg) for name in cfg.MODEL.LOSSES.NAME if name in ours]
