"""From a config to the weights that its run tests and saves: SOLVER.EMA and SOLVER.INTERPOLATE."""

import logging
from collections.abc import Iterable

from torch import nn

from dcac_fastreid import data
from dcac_fastreid.distributed.shared_work import processes_of_job
from dcac_fastreid.engine.average import WeightAverage, decay_of, parts_of
from dcac_fastreid.engine.bnneck import estimate_statistics
from dcac_fastreid.engine.interpolation import GRID, Interpolation
from dcac_fastreid.engine.precision_of_test import in_test_precision
from dcac_fastreid.engine.start import EncoderStart
from dcac_fastreid.engine.tested_weights import TestedWeights, check_parts, uses_average, uses_interpolation
from fastreid.evaluation import ReidEvaluator, inference_on_dataset
from fastreid.utils import comm

logger = logging.getLogger("fastreid.dcac")


def build_average(cfg, model: nn.Module, steps: int) -> WeightAverage | None:
    """The average that SOLVER.EMA asks for; None for none. Args: steps: of an epoch. Raises as `check_parts`."""
    check_parts(cfg, model)
    if not uses_average(cfg):
        return None
    decay = decay_of(cfg.SOLVER.EMA.EPOCHS, steps)
    logger.info(f"The average of the weights has a decay of {decay:.6g} a step")
    return WeightAverage(parts_of(model), decay)


def build_start(cfg, model: nn.Module) -> EncoderStart | None:
    """Of a model whose checkpoint is not loaded yet; None of an architecture without a backbone."""
    if not hasattr(model, "backbone"):
        return None
    required = uses_interpolation(cfg)
    keep = required or cfg.MODEL.DCAC.TELEMETRY > 0
    return EncoderStart(model.backbone, cfg.MODEL.WEIGHTS, keep=keep, required=required)


def build_tested_weights(
    cfg, model: nn.Module, loader: Iterable, average: WeightAverage | None, start: EncoderStart | None
) -> TestedWeights:
    """Args: loader: a finite pass over the training images, not augmented."""

    def estimate(model: nn.Module) -> None:
        estimate_statistics(model, loader)

    def interpolation() -> Interpolation:
        if not cfg.SOLVER.INTERPOLATE.CHOOSE:
            return Interpolation(start.weights, [cfg.SOLVER.INTERPOLATE.ALPHA], estimate)
        loaders = data.build_validation_loaders(cfg)
        return Interpolation(start.weights, GRID, estimate, lambda model: validation_score(cfg, model, loaders))

    return TestedWeights(
        model, estimate, average=average, interpolation=interpolation if uses_interpolation(cfg) else None
    )


def validation_score(cfg, model: nn.Module, loaders: Iterable[tuple[Iterable, int]]) -> float:
    """The mean mAP over test loaders, in per cent; the same in every process."""
    scores = []
    for loader, num_query in loaders:
        with in_test_precision(cfg, model):
            results = inference_on_dataset(
                model, loader, ReidEvaluator(cfg, num_query), flip_test=cfg.TEST.FLIP.ENABLED
            )
        scores.append(float(results["mAP"]) if comm.is_main_process() else 0.0)
    return processes_of_job().together(lambda: [sum(scores) / len(scores)])[0]
