"""FLOPs of a training step in each variant, on the meta device."""

from collections.abc import Sequence

from dcac_fastreid.profiling.build import build
from dcac_fastreid.profiling.model_stats import count_flops, latents_on_meta
from dcac_fastreid.profiling.variants import CUMULATIVE, Variants
from dcac_fastreid.profiling.workload import OTHERS, Workload

BATCH = 64  # the paper's


def training_flops(workload: Workload, names: Sequence[str]) -> dict[str, int]:
    """Forward and backward passes of a batch of 64, 2 per multiply-add, by variant or other model.

    The variants on a GPU compute what "+optimizer" computes.
    """
    counts = {}
    variants_named = [name for name in names if name not in OTHERS]
    if variants_named:
        cfg = workload.config("ma_ms", batch=BATCH)
        model = build(cfg, workload.num_classes)
        variants = Variants(model, cfg, *latents_on_meta(cfg))
        for name in variants_named:
            # bf16 weights need autocast, which the meta device does not know
            variants.choose(name if name in CUMULATIVE and name != "+bf16" else "+optimizer")
            _, counts[name] = count_flops(model, cfg)
    for name in [name for name in names if name in OTHERS]:
        cfg = workload.config(OTHERS[name], batch=BATCH)
        model = build(cfg, workload.num_classes)
        Variants(model, cfg, *latents_on_meta(cfg))
        _, counts[name] = count_flops(model, cfg)
    return counts
