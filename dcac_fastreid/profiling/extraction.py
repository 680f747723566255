"""How many images per second does the encoder turn into features?"""

import statistics

import torch

from dcac_fastreid.engine.linear_layers import fast_linear_layers
from dcac_fastreid.engine.settings import autocast_dtype
from dcac_fastreid.profiling.build import build
from dcac_fastreid.profiling.machine import GIB, peak_memory, release_memory, timed
from dcac_fastreid.profiling.workload import OTHERS, Workload


@torch.inference_mode()
def time_extraction(workload: Workload, rounds: int) -> dict:
    """Features of a batch as at test time, and in the pass that makes the prototypes: no augmentation, no gradient."""
    cfg = workload.config(OTHERS["baseline"])
    autocast = autocast_dtype(cfg)
    model = build(cfg, workload.num_classes, workload.device, autocast=autocast).eval()
    images = torch.rand(workload.extracted, 3, *cfg.INPUT.SIZE_TEST, device=model.device) * 255

    def extract():
        reduced = torch.autocast(workload.device, dtype=autocast, enabled=autocast is not None)
        with reduced, fast_linear_layers(workload.device):
            for _ in range(workload.steps):
                model({"images": images.clone()})  # fast-reid normalises them in place

    extract()
    release_memory(model.device)
    seconds = statistics.median(timed(extract, model.device) for _ in range(rounds)) / workload.steps
    peak = peak_memory(model.device)
    return {
        "batch": workload.extracted,
        "seconds": seconds,
        "images_per_s": workload.extracted / seconds,
        "peak_memory_gib": peak / GIB if peak else None,
    }
