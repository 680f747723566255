"""A config's model as it trains, on any device, without a file of weights."""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from dcac_fastreid import data
from dcac_fastreid.dcac import DCAC, attach_training_side
from dcac_fastreid.diffusion import lora_parameters, stable_diffusion
from dcac_fastreid.engine.solver_settings import apply_solver_settings
from fastreid.modeling import build_model

DRAWN = 1_000_003  # random numbers drawn for a weight; a prime, so that the rows of a larger matrix differ


def build(cfg, num_classes: int, device: str = "meta", *, autocast: torch.dtype | None = None) -> nn.Module:
    """The model of a config with its training side, filled prototypes and adapters that are not zero; weights are random.

    Args:
        num_classes: N, identities of the training set.
        device: "meta" for shapes alone.
        autocast: the type of mixed precision, in which frozen weights are kept; None for fp32.
    """
    cfg = data.with_local_weights(cfg)
    cfg.defrost()
    cfg.MODEL.DEVICE, cfg.MODEL.BACKBONE.PRETRAIN, cfg.MODEL.HEADS.NUM_CLASSES = device, False, num_classes
    with torch.device(device), _TiledDraws():
        model = build_model(cfg)
        if isinstance(model, DCAC):
            denoiser = stable_diffusion.empty_denoiser(architecture(cfg))
            attach_training_side(model, cfg, denoiser, autocast=autocast)
            for weight in lora_parameters(denoiser):
                nn.init.normal_(weight, std=0.01)  # B of Eq. 9 begins at zero, where adapters have no effect
        if hasattr(model, "memory"):
            model.memory.prototypes.copy_(F.normalize(torch.randn_like(model.memory.prototypes)))
            model.memory.filled = True
    apply_solver_settings(cfg, model)
    return model.train()


def build_encoder(cfg, device: str = "meta") -> stable_diffusion.StableDiffusionEncoder:
    """The VAE of a config's diffusion model, with random weights."""
    with torch.device(device), _TiledDraws():
        return stable_diffusion.empty_encoder(architecture(cfg))


def architecture(cfg) -> Path:
    """The folder with the diffusion model's configuration files; sizes need no download."""
    folder = Path(data.with_local_weights(cfg).MODEL.DCAC.DIFFUSION.WEIGHTS)
    return folder if folder.is_dir() else stable_diffusion.SD15_ARCHITECTURE


class _TiledDraws(TorchDispatchMode):
    """Draws the beginning of a large random tensor and repeats it: the scales of every layer's own initialisation, in a
    tenth of the time."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        draws = func in (torch.ops.aten.uniform_.default, torch.ops.aten.normal_.default)
        if not draws or args[0].numel() <= DRAWN or not args[0].is_contiguous():
            return func(*args, **(kwargs or {}))
        flat = args[0].view(-1)
        func(flat[:DRAWN], *args[1:], **(kwargs or {}))
        for begin in range(DRAWN, len(flat), DRAWN):
            flat[begin : begin + DRAWN] = flat[: len(flat[begin : begin + DRAWN])]
        return args[0]
