"""Parameters and FLOPs of a config, on the meta device: no weights, no data. Table 6."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from dcac_fastreid import data
from dcac_fastreid.dcac import DCAC, attach_training_side
from dcac_fastreid.diffusion import stable_diffusion
from fastreid.modeling import build_model
from fastreid.utils.events import EventStorage


def model_stats(cfg, num_classes: int) -> dict:
    """Table 6's "Parameters" and "TFLOPs" for a config.

    Args:
        num_classes: N, identities of the training set; 751 for Market1501.
    Returns:
        parameters: plain counts, whole and by part. `inference_trainable` is the encoder's trainable weights, as Table 6
            counts them; `inference_total` is all that inference runs, BNNeck included.
        flops: per batch of SOLVER.IMS_PER_BATCH, 2 per multiply-add. `forward_paper`: the VAE in the loop;
            `forward_run` and `training_run` (forward and backward): what this config executes, with cached latents.
    """
    model = build_on_meta(cfg, num_classes)
    images = torch.empty(cfg.SOLVER.IMS_PER_BATCH, 3, *cfg.INPUT.SIZE_TRAIN, device="meta")
    in_paper, in_run = _sources_of_latents(cfg) if isinstance(model, DCAC) else (None, None)
    if hasattr(model, "memory"):
        model.memory.filled = True
    forward_run, training_run = _count_flops(model, images, in_run)
    forward_paper = forward_run if in_paper is None else _count_flops(model, images, in_paper, backward=False)[0]
    return {
        "parameters": _count_parameters(model),
        "flops": {"forward_paper": forward_paper, "forward_run": forward_run, "training_run": training_run},
    }


def build_on_meta(cfg, num_classes: int) -> nn.Module:
    """The model of a config as it trains, training side included, with shapes and no weights."""
    cfg = data.with_local_weights(cfg)
    cfg.defrost()
    cfg.MODEL.DEVICE, cfg.MODEL.BACKBONE.PRETRAIN, cfg.MODEL.HEADS.NUM_CLASSES = "meta", False, num_classes
    with torch.device("meta"):
        model = build_model(cfg)
        if isinstance(model, DCAC):
            attach_training_side(model, cfg, stable_diffusion.empty_denoiser(_architecture(cfg)))
    return model


def _architecture(cfg) -> Path:
    """The folder with the diffusion model's configuration files; sizes need no download."""
    folder = Path(cfg.MODEL.DCAC.DIFFUSION.WEIGHTS)
    return folder if folder.is_dir() else stable_diffusion.SD15_ARCHITECTURE


Latents = Callable[[Sequence[str]], Tensor]


def _sources_of_latents(cfg) -> tuple[Latents, Latents]:
    """The VAE in the loop, and the cache."""
    with torch.device("meta"):
        encoder = stable_diffusion.empty_encoder(_architecture(data.with_local_weights(cfg)))
        views = torch.empty(cfg.SOLVER.IMS_PER_BATCH, 3, *cfg.MODEL.DCAC.DIFFUSION.SIZE)
    cached = encoder(views)
    return lambda paths: encoder(views), lambda paths: cached


def _count_parameters(model: nn.Module) -> dict:
    def count(module: nn.Module, trainable: bool = False) -> int:
        return sum(p.numel() for p in module.parameters() if p.requires_grad or not trainable)

    parts = {name: {"trainable": count(part, True), "total": count(part)} for name, part in model.named_children()}
    return {
        "trainable": count(model, True),
        "total": count(model),
        "inference_trainable": count(model.backbone, True),
        "inference_total": count(model.backbone) + count(model.heads) - model.heads.weight.numel(),  # no classifier
        "by_part": parts,
    }


class _NoEvents(EventStorage):
    """fast-reid logs its training accuracy as a number, which a meta tensor does not have."""

    def put_scalar(self, *args, **kwargs):
        pass


def _count_flops(model: nn.Module, images: Tensor, latents: Latents | None, backward: bool = True) -> tuple[int, int]:
    """Of one training step: the forward pass, and both passes."""
    if latents is not None:
        model.feedback.connect_latents(latents, scaling_factor=1.0)
    batch = {
        "images": images.clone(),
        "targets": torch.zeros(len(images), dtype=torch.int64, device="meta"),
        "img_paths": [""] * len(images),
    }
    with _NoEvents(), FlopCounterMode(display=False) as counter:
        loss = sum(model.train()(batch).values())
        forward = counter.get_total_flops()
        if backward:
            loss.backward()
    return forward, counter.get_total_flops()
