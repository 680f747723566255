"""What settings of SOLVER change in the model: how much it keeps for the backward pass, and whether it is compiled."""

import logging

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from dcac_fastreid.dcac import DCAC
from dcac_fastreid.errors import InputError

logger = logging.getLogger("fastreid.dcac")


def apply_solver_settings(cfg, model: nn.Module) -> None:
    """SOLVER.CHECKPOINT_ACTIVATIONS and COMPILE, in place, on a model as it trains.

    Raises:
        InputError: a backbone that does not offer it, or whose batch normalisation SOLVER.MICRO_BATCH would change.
    """
    parts = [model.backbone]
    if isinstance(model, DCAC):
        parts.append(model.feedback.denoiser)
    backbone = cfg.MODEL.BACKBONE.NAME
    if cfg.SOLVER.MICRO_BATCH and any(isinstance(module, _BatchNorm) for module in model.backbone.modules()):
        raise InputError(
            f"SOLVER.MICRO_BATCH is {cfg.SOLVER.MICRO_BATCH}, but {backbone} has batch normalisation, whose statistics would "
            "be those of the pieces; set it to 0 and SOLVER.IMS_PER_BATCH lower, or choose a ViT"
        )
    if cfg.SOLVER.CHECKPOINT_ACTIVATIONS:
        if not hasattr(model.backbone, "checkpoint_activations"):
            raise InputError(
                f"SOLVER.CHECKPOINT_ACTIVATIONS is True, which {backbone} does not offer; set it to False, or choose "
                "build_clip_vit_backbone"
            )
        for part in parts:
            part.checkpoint_activations()
    if cfg.SOLVER.COMPILE and _compiler_works(model.device):
        for part in parts:
            part.compile()


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
