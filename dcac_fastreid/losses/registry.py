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
MGN_LOSSES = ("CrossEntropyLoss", "TripletLoss")  # its MGN knows no others
OUR_ARCHITECTURES = ("DCAC", "PrototypicalBaseline")  # which compute the losses of this package too


def check_losses(names: Sequence[str], architecture: str) -> None:
    """Looks at the names of MODEL.LOSSES.NAME under MODEL.META_ARCHITECTURE.

    Under DCAC there may be no name: the feedback of the diffusion model is then the only loss.

    Raises:
        InputError: no name, a name that the architecture would not compute, or two names of the same loss.
    """
    known = MGN_LOSSES if architecture == "MGN" else HOST_LOSSES
    if architecture in OUR_ARCHITECTURES:
        known = (*_own_names(), *HOST_LOSSES)
    for name in names:
        if name not in known:
            raise InputError(f"MODEL.LOSSES.NAME has {name!r}; losses of {architecture} are {', '.join(known)}")
    if not names and architecture != "DCAC":
        raise InputError(f"MODEL.LOSSES.NAME is empty; losses of {architecture} are {', '.join(known)}")
    if {"IDLoss", "CrossEntropyLoss"} <= set(names):
        raise InputError("MODEL.LOSSES.NAME has both IDLoss (Eq. 5) and fast-reid's CrossEntropyLoss; keep one of them")


def build_losses(cfg) -> list[Callable]:
    """The losses of this package that MODEL.LOSSES.NAME names; raises as `check_losses`."""
    check_losses(cfg.MODEL.LOSSES.NAME, cfg.MODEL.META_ARCHITECTURE)
    return [LOSS_REGISTRY.get(name)(cfg) for name in cfg.MODEL.LOSSES.NAME if name in _own_names()]


def _own_names() -> tuple[str, ...]:
    return tuple(LOSS_REGISTRY._obj_map)  # the host's Registry has no public list of its names
