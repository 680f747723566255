"""What settings of SOLVER change in the model: how much it keeps for the backward pass, and whether it is compiled."""

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from dcac_fastreid.dcac import DCAC
from dcac_fastreid.errors import InputError


def apply_solver_settings(cfg, model: nn.Module) -> None:
    """SOLVER.MICRO_BATCH, CHECKPOINT_ACTIVATIONS and COMPILE, in place, on a model as it trains.

    Raises:
        InputError: a backbone with which the setting would change the training, or that does not offer it.
    """
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
        model.backbone.checkpoint_activations()
    if cfg.SOLVER.COMPILE:
        torch._dynamo.config.suppress_errors = True  # what cannot be compiled runs as it is, and PyTorch logs why
        model.backbone.compile()
        if isinstance(model, DCAC):
            model.feedback.denoiser.compile()
