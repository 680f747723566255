"""What settings of SOLVER change in the model: how much it keeps for the backward pass, and whether it is compiled."""

import logging

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from dcac_fastreid.dcac import DCAC
from dcac_fastreid.engine.settings import OURS
from dcac_fastreid.errors import InputError

logger = logging.getLogger("fastreid.dcac")


def apply_solver_settings(cfg, model: nn.Module, *, processes: int = 1) -> None:
    """SOLVER.CHECKPOINT_ACTIVATIONS and COMPILE, in place, on a model as it trains; raises as `check_solver_settings`."""
    check_solver_settings(cfg, model.backbone, processes=processes)
    parts = [model.backbone]
    if isinstance(model, DCAC):
        parts.append(model.feedback.denoiser)
    if cfg.SOLVER.CHECKPOINT_ACTIVATIONS:
        for part in parts:
            part.checkpoint_activations()
    if cfg.SOLVER.COMPILE and _compiler_works(model.device):
        for part in parts:
            part.compile()


def check_solver_settings(cfg, backbone: nn.Module, *, processes: int = 1) -> None:
    """Asks whether a backbone offers what SOLVER wants of it, and can see a batch in parts.

    Args: processes: that share each batch.
    Raises:
        InputError: a backbone that cannot compute its activations again, or whose batch normalisation SOLVER.MICRO_BATCH
            would change; under DCAC and its baseline, one that several processes would train otherwise than one.
    """
    name = cfg.MODEL.BACKBONE.NAME
    normalises = any(isinstance(module, _BatchNorm) for module in backbone.modules())
    if processes > 1 and cfg.MODEL.META_ARCHITECTURE in OURS and (normalises or _drops(backbone)):
        what = "batch normalisation, whose statistics" if normalises else "dropout, whose draws"
        raise InputError(
            f"{name} has {what} would be those of each of {processes} processes, another training than that of one; train "
            f"{cfg.MODEL.META_ARCHITECTURE} with it in one process, or choose another backbone, such as build_clip_vit_backbone"
        )
    if cfg.SOLVER.MICRO_BATCH and normalises:
        raise InputError(
            f"SOLVER.MICRO_BATCH is {cfg.SOLVER.MICRO_BATCH}, but {name} has batch normalisation, whose statistics would "
            "be those of the pieces; set it to 0 and SOLVER.IMS_PER_BATCH lower, or choose a ViT"
        )
    if cfg.SOLVER.CHECKPOINT_ACTIVATIONS and not hasattr(backbone, "checkpoint_activations"):
        raise InputError(
            f"SOLVER.CHECKPOINT_ACTIVATIONS is True, which {name} does not offer; set it to False, or choose "
            "build_clip_vit_backbone"
        )


def _drops(backbone: nn.Module) -> bool:
    """Whether it has dropout, or fast-reid's stochastic depth."""
    rates = (getattr(module, "p", 0) or 0 for module in backbone.modules() if isinstance(module, _DropoutNd))
    return any(rates) or any(getattr(module, "drop_prob", 0) for module in backbone.modules())


def _compiler_works(device: torch.device) -> bool:
    """Whether torch.compile does, on something small; without a compiler of C++ or Triton it fails. Where not, logs why."""
    try:
        torch.compile(torch.nn.functional.softplus)(torch.zeros(8, device=device))
    except Exception as error:  # of whatever the compiler meets
        reason = str(error).strip().splitlines()[0]
        logger.warning(
            f"SOLVER.COMPILE is True, but torch.compile fails here: encoder and U-Net run as they are ({reason})"
        )
        return False
    return True
