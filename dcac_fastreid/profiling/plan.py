"""Does a config fit into this machine, and how long will its step be? A prediction, and then its own error.

Memory = weights + the optimizer's states + what the step holds at its highest (activations, gradients, passing results,
followed on shapes alone; see shape_run.py) + on the CPU the process without a model. Time = every distinct operation of
forward and backward pass run alone on its shapes, as often as the step runs it (replay.py), + what Python takes around each,
+ the optimizer's bytes at the speed of a copy. Not in it: buffers of libraries inside an operation, loading of data,
torch.compile and CUDA graphs.
"""

import logging
import statistics

import torch
from torch import nn

from dcac_fastreid.dcac import DCAC
from dcac_fastreid.distributed.device import take_device
from dcac_fastreid.engine.captured_step import why_not_captured
from dcac_fastreid.engine.config_file import changed
from dcac_fastreid.engine.optimizer import build_optimizer
from dcac_fastreid.engine.settings import OURS, autocast_dtype, check_settings
from dcac_fastreid.errors import InputError
from dcac_fastreid.profiling.build import build
from dcac_fastreid.profiling.machine import GIB, memory_now, peak_memory, release_memory, room
from dcac_fastreid.profiling.model_stats import latents_on_meta
from dcac_fastreid.profiling.repeated_step import RepeatedStep
from dcac_fastreid.profiling.replay import copied_bytes_per_second, replay, seconds_around_an_operation
from dcac_fastreid.profiling.shape_run import ShapeRun, run_on_shapes
from dcac_fastreid.profiling.step_parts import PARTS, StepClock

STEPS = 3  # that are measured, after a first one

logger = logging.getLogger(__name__)


def plan(cfg, num_classes: int) -> dict:
    """Predicts peak memory and step time of a config; measures both where the memory suffices.

    Args:
        num_classes: N, identities of the training set.
    Returns:
        predicted: memory_gib by kind and total; step_s, by part too, where it fits.
        fits: whether the total is within available_gib.
        measured, error: of the same two figures, where it fits; the error is predicted / measured - 1.
        instead: where it does not fit, settings that keep the training's meaning, with their prediction.
    Raises:
        InputError: settings with which no training can begin.
    """
    result = predict(cfg, num_classes)
    if not result["fits"]:
        return {**result, "instead": _alternatives(cfg, num_classes, result["available_gib"])}
    logger.info("some real steps")
    result["measured"] = _measure(cfg, num_classes)
    result["error"] = {
        "memory": result["predicted"]["memory_gib"]["total"] / result["measured"]["memory_gib"] - 1,
        "step": result["predicted"]["step_s"] / result["measured"]["step_s"] - 1,
    }
    return result


def predict(cfg, num_classes: int) -> dict:
    """The first part of `plan`, without a step: available_gib, fits and predicted. Raises as that."""
    check_settings(cfg, training=True, processes=1)
    take_device(cfg.MODEL.DEVICE)
    device = torch.device(cfg.MODEL.DEVICE)
    logger.info("a step on shapes alone")
    run, memory = _predict_memory(cfg, num_classes)
    available = room(device) / GIB
    predicted = {"memory_gib": memory}
    if fits := memory["total"] <= available:
        logger.info("every distinct operation alone")
        by_part = _predict_time(cfg, run, device)
        predicted.update(step_s=sum(by_part.values()), parts_s=by_part)
    return {"available_gib": available, "fits": fits, "predicted": predicted}


def _predict_memory(cfg, num_classes: int) -> tuple[ShapeRun, dict[str, float]]:
    """The step on shapes, and GiB by kind."""
    run = run_on_shapes(changed(cfg, ["SOLVER.COMPILE", False]), num_classes)
    release_memory(torch.device("cpu"))
    memory = {
        "process": 0 if cfg.MODEL.DEVICE.startswith("cuda") else memory_now(),
        "weights": run.weights,
        "optimizer": states_per_weight(cfg) * run.updated,
        "step": run.highest,
    }
    memory["total"] = sum(memory.values())
    parts_of_step = {"saved_activations": run.saved, "gradients": run.gradients}
    return run, {name: size / GIB for name, size in {**memory, **parts_of_step}.items()}


def states_per_weight(cfg) -> float:
    """Numbers that the optimizer keeps for each weight, counted on a small layer; two for Adam."""
    layer = nn.Linear(64, 64)
    optimizer = build_optimizer(cfg, layer)[0]
    layer(torch.ones(1, 64)).sum().backward()
    optimizer.step()
    kept = sum(
        value.numel()
        for state in optimizer.state.values()
        for value in state.values()
        if isinstance(value, torch.Tensor) and value.numel() > 1
    )
    return kept / sum(parameter.numel() for parameter in layer.parameters())


def _predict_time(cfg, run: ShapeRun, device: torch.device) -> dict[str, float]:
    by_part = replay(run.operations, device)
    around = seconds_around_an_operation(device)
    for operation in run.operations:
        by_part[operation.part] += operation.count * around
    moved = (3 + 2 * states_per_weight(cfg)) * run.updated  # weight and states read and written, gradient read
    by_part["optimizer"] = moved / copied_bytes_per_second(device)
    return {part: by_part[part] for part in PARTS if by_part[part]}


def _measure(cfg, num_classes: int) -> dict:
    device = torch.device(cfg.MODEL.DEVICE)
    model = build(cfg, num_classes, cfg.MODEL.DEVICE, autocast=autocast_dtype(cfg))
    if isinstance(model, DCAC):
        moments = torch.zeros(latents_on_meta(cfg)[1]([]).shape, device=device)
        model.feedback.connect_latents(lambda paths: moments, scaling_factor=1.0)
    step = RepeatedStep(cfg, model, build_optimizer(cfg, model)[0], StepClock(device), num_classes)
    release_memory(device)
    captured = cfg.SOLVER.CUDA_GRAPH and not why_not_captured(cfg) and step.capture()
    by_part = not (captured or cfg.SOLVER.COMPILE)
    step.time(by_part=by_part)
    times = [step.time(by_part=by_part) for _ in range(STEPS)]
    return {
        "memory_gib": peak_memory(device) / GIB,
        "step_s": statistics.median(seconds for seconds, _ in times),
        "parts_s": {part: statistics.median(parts[part] for _, parts in times) for part in PARTS} if by_part else None,
    }


def _alternatives(cfg, num_classes: int, available: float) -> list[dict]:
    """Settings for little memory under which losses and gradients stay those of the whole batch."""
    if cfg.MODEL.META_ARCHITECTURE not in OURS:
        return []
    quarter = max(1, cfg.SOLVER.IMS_PER_BATCH // 4)
    found = []
    for settings in (["SOLVER.CHECKPOINT_ACTIVATIONS", True], ["SOLVER.MICRO_BATCH", quarter]):
        logger.info(f"a step on shapes alone with {' '.join(map(str, settings))}")
        try:
            _, memory = _predict_memory(changed(cfg, settings), num_classes)
        except InputError:  # not with this backbone
            continue
        found.append({"settings": settings, "memory_gib": memory, "fits": memory["total"] <= available})
    return found
