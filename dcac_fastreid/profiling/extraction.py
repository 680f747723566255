"""How many images per second does a test turn into features?"""

import statistics

import torch

from dcac_fastreid.engine.config_file import changed
from dcac_fastreid.engine.linear_layers import fast_linear_layers
from dcac_fastreid.engine.precision_of_test import in_test_precision
from dcac_fastreid.profiling.build import build
from dcac_fastreid.profiling.machine import GIB, peak_memory, release_memory, timed
from dcac_fastreid.profiling.workload import OTHERS, Workload

PRECISIONS = {
    "cpu": ("fp32",),
    "cuda": ("fp32", "tf32", "bf16"),
}  # values of TEST.PRECISION; on a CPU others are slower


@torch.inference_mode()
def time_extraction(workload: Workload, rounds: int) -> dict[str, dict]:
    """Features of a batch as a test computes them, by TEST.PRECISION: no augmentation, no gradient.

    In bf16 it is also the pass that makes the prototypes of a training in bf16.
    """
    cfg = workload.config(OTHERS["baseline"])
    model = build(cfg, workload.num_classes, workload.device).eval()
    images = torch.rand(workload.extracted, 3, *cfg.INPUT.SIZE_TEST, device=model.device) * 255

    def extract():
        for _ in range(workload.steps):
            model({"images": images})

    figures = {}
    for precision in PRECISIONS[workload.device]:
        of_test = changed(cfg, ["TEST.PRECISION", precision])
        with fast_linear_layers(workload.device), in_test_precision(of_test, model):
            extract()
            release_memory(model.device)
            seconds = statistics.median(timed(extract, model.device) for _ in range(rounds)) / workload.steps
            peak = peak_memory(model.device)
        figures[precision] = {
            "batch": workload.extracted,
            "seconds": seconds,
            "images_per_s": workload.extracted / seconds,
            "peak_memory_gib": peak / GIB if peak else None,
        }
    return figures
