"""Parameters and FLOPs of a config, on the meta device: no weights, no data. Table 6."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from dcac_fastreid.profiling.build import build, build_encoder
from dcac_fastreid.profiling.known_by_shapes import known_by_shapes
from dcac_fastreid.profiling.variants import Latents, Variants
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
    model = build(cfg, num_classes)
    variants = Variants(model, cfg, *latents_on_meta(cfg))
    parameters = _count_parameters(model)
    forward_run, training_run = count_flops(model, cfg)
    if cfg.MODEL.META_ARCHITECTURE == "DCAC" and model.balance:
        model.balance = (
            0.0  # which makes a backward pass of its own: a part of the training step, and of no forward pass
        )
        forward_run, _ = count_flops(model, cfg, backward=False)
    variants.choose("plain")
    forward_paper, _ = count_flops(model, cfg, backward=False)
    return {
        "parameters": parameters,
        "flops": {"forward_paper": forward_paper, "forward_run": forward_run, "training_run": training_run},
    }


def latents_on_meta(cfg) -> tuple[Latents, Latents]:
    """Where a step's latents come from: the VAE in the loop, and moments at hand."""
    if cfg.MODEL.META_ARCHITECTURE != "DCAC":
        return _no_latents, _no_latents
    encoder = build_encoder(cfg)
    views = torch.empty(cfg.SOLVER.IMS_PER_BATCH, 3, *cfg.MODEL.DCAC.DIFFUSION.SIZE, device="meta")
    at_hand = encoder(views)
    return lambda paths: encoder(views), lambda paths: at_hand


def _no_latents(paths: Sequence[str]) -> Tensor:
    raise AssertionError("the baseline asks for no latents")


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


class NoEvents(EventStorage):
    """fast-reid logs its training accuracy as a number, which a meta tensor does not have."""

    def put_scalar(self, *args, **kwargs):
        pass


def count_flops(model: nn.Module, cfg, backward: bool = True) -> tuple[int, int]:
    """Of one training step of a model on the meta device: the forward pass, and both passes; raises as `known_by_shapes`."""
    size = cfg.SOLVER.IMS_PER_BATCH
    batch = {
        "images": torch.empty(size, 3, *cfg.INPUT.SIZE_TRAIN, device="meta"),
        "targets": torch.zeros(size, dtype=torch.int64, device="meta"),
        "camids": torch.zeros(size, dtype=torch.int64, device="meta"),
        "img_paths": [""] * size,
    }
    with known_by_shapes(cfg), NoEvents(), FlopCounterMode(display=False) as counter:
        loss = sum(model.train()(batch).values())
        forward = counter.get_total_flops()
        if backward:
            loss.backward()
    return forward, counter.get_total_flops()
