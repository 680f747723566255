"""What settings of SOLVER change in the model: how much it keeps for the backward pass, and whether it is compiled."""

import logging

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from dcac_fastreid.dcac import DCAC
from dcac_fastreid.engine.optimizer import count_blocks
from dcac_fastreid.errors import InputError

logger = logging.getLogger("fastreid.dcac")


def apply_solver_settings(cfg, model: nn.Module) -> None:
    """SOLVER.CHECKPOINT_ACTIVATIONS and COMPILE, in place, on a model as it trains; raises as `check_solver_settings`."""
    check_solver_settings(cfg, model.backbone)
    parts = [model.backbone]
    if isinstance(model, DCAC):
        parts.append(model.feedback.denoiser)
    if cfg.SOLVER.CHECKPOINT_ACTIVATIONS:
        for part in parts:
            part.checkpoint_activations()
    if cfg.SOLVER.COMPILE and _compiler_works(model.device):
        for part in parts:
            part.compile()


def check_solver_settings(cfg, backbone: nn.Module) -> None:
    """Asks whether a backbone offers what SOLVER wants of it.

    Raises:
        InputError: a backbone that cannot compute its activations again, or whose batch normalisation SOLVER.MICRO_BATCH
            would change, or without the numbered blocks that SOLVER.LAYER_DECAY needs.
    """
    name = cfg.MODEL.BACKBONE.NAME
    if cfg.SOLVER.MICRO_BATCH and any(isinstance(module, _BatchNorm) for module in backbone.modules()):
        raise InputError(
            f"SOLVER.MICRO_BATCH is {cfg.SOLVER.MICRO_BATCH}, but {name} has batch normalisation, whose statistics would "
            "be those of the pieces; set it to 0 and SOLVER.IMS_PER_BATCH lower, or choose a ViT"
        )
    if cfg.SOLVER.CHECKPOINT_ACTIVATIONS and not hasattr(backbone, "checkpoint_activations"):
        raise InputError(
            f"SOLVER.CHECKPOINT_ACTIVATIONS is True, which {name} does not offer; set it to False, or choose "
            "build_clip_vit_backbone"
        )
    if cfg.SOLVER.LAYER_DECAY != 1 and not count_blocks(backbone):
        raise InputError(
            f"SOLVER.LAYER_DECAY is {cfg.SOLVER.LAYER_DECAY}, but {name} has no numbered blocks as open_clip's ViT has; set it "
            "to 1.0, or choose build_clip_vit_backbone with a ViT"
        )


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
