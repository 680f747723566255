"""Which losses are there, and which of them does a config name?"""

from collections.abc import Callable, Sequence

from dcac_fastreid.errors import InputError
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


def check_losses(names: Sequence[str], *, ours: bool = True) -> None:
    """Looks at the names of MODEL.LOSSES.NAME.

    Args:
        ours: the architecture computes the losses of this package; fast-reid's own architectures do not.
    Raises:
        InputError: no name, a name that the architecture would not compute, or two names of the same loss.
    """
    known = (*_own_names(), *HOST_LOSSES) if ours else HOST_LOSSES
    for name in names:
        if name not in known:
            hint = (
                ""
                if ours or name not in _own_names()
                else ", which the architecture DCAC or PrototypicalBaseline computes"
            )
            raise InputError(f"MODEL.LOSSES.NAME has {name!r}{hint}; known losses are {', '.join(known)}")
    if not names:
        raise InputError(f"MODEL.LOSSES.NAME is empty; known losses are {', '.join(known)}")
    if {"IDLoss", "CrossEntropyLoss"} <= set(names):
        raise InputError("MODEL.LOSSES.NAME has both IDLoss (Eq. 5) and fast-reid's CrossEntropyLoss; keep one of them")


def build_losses(cfg) -> list[Callable]:
    """The losses of this package that MODEL.LOSSES.NAME names; raises as `check_losses`."""
    check_losses(cfg.MODEL.LOSSES.NAME)
    return [LOSS_REGISTRY.get(name)(cfg) for name in cfg.MODEL.LOSSES.NAME if name in _own_names()]


def _own_names() -> tuple[str, ...]:
    return tuple(LOSS_REGISTRY._obj_map)  # the host's Registry has no public list of its names
