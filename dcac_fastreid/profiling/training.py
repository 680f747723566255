"""How long is a training step in each variant, and what does it cost?"""

import logging
import statistics
from collections.abc import Sequence

import torch
from torch import nn

from dcac_fastreid.dcac import DCAC
from dcac_fastreid.engine.config_file import changed
from dcac_fastreid.engine.optimizer import build_optimizer
from dcac_fastreid.engine.settings import autocast_dtype
from dcac_fastreid.engine.solver_settings import apply_solver_settings
from dcac_fastreid.profiling.build import build, build_encoder
from dcac_fastreid.profiling.machine import GIB, peak_memory, release_memory
from dcac_fastreid.profiling.repeated_step import NoUpdate, RepeatedStep
from dcac_fastreid.profiling.step_parts import PARTS, StepClock
from dcac_fastreid.profiling.variants import CUMULATIVE, Latents, Variants
from dcac_fastreid.profiling.workload import OTHERS, Workload
from fastreid.solver import build_optimizer as build_host_optimizer

NOT_RECORDED = "could not be recorded as a CUDA graph; the log says why"

logger = logging.getLogger(__name__)


class Training:
    """A model of the workload with all that its steps need.

    Args:
        config: its name in the workload's folder.
    """

    def __init__(self, workload: Workload, config: str):
        self._num_classes = workload.num_classes
        self.cfg = workload.config(config)
        self.model = build(self.cfg, workload.num_classes, workload.device, autocast=autocast_dtype(self.cfg))
        self.clock = StepClock(self.model.device)
        sources = _latents(self.cfg, self.model, self.clock)
        self.variants = Variants(self.model, self.cfg, *sources)

    def step(self, optimizer: torch.optim.Optimizer) -> RepeatedStep:
        return RepeatedStep(self.cfg, self.model, optimizer, self.clock, self._num_classes)


def time_variants(workload: Workload, names: Sequence[str], rounds: int) -> dict[str, dict]:
    """Cumulative variants of DCAC with LoRA, on one model; the rounds are interleaved, each begins with another variant.

    Args:
        names: of CUMULATIVE, and then "+graph" and "+compile", which change the model for good and follow on their own.
    Returns: by name what `_figures` says, and `ratio_to_plain`: of steps of the same round.
    """
    training = Training(workload, "ma_ms")
    host_optimizer = build_host_optimizer(training.cfg, training.model, contiguous=False)[0]
    our_optimizer = build_optimizer(training.cfg, training.model)[0]
    step = training.step(host_optimizer)

    def switch(name: str) -> None:
        training.variants.choose(name)
        place = CUMULATIVE.index(name)
        step.use(
            our_optimizer if place >= CUMULATIVE.index("+optimizer") else host_optimizer,
            linear_layers=place >= CUMULATIVE.index("+onednn"),
        )

    eager = [name for name in names if name in CUMULATIVE]
    for optimizer in (host_optimizer, our_optimizer):  # makes their states: a step that counts operations makes none
        step.use(optimizer)
        step.time()
    costs, times = {}, {name: [] for name in eager}
    for name in eager:
        logger.info(f"{name}: first step")
        switch(name)
        costs[name] = _examine(step, training.model.device)
    for number in range(rounds):
        begin = number % max(1, len(eager))
        for name in eager[begin:] + eager[:begin]:
            switch(name)
            times[name].append(step.time(workload.steps))
            logger.info(f"round {number + 1} of {rounds}, {name}: {times[name][-1][0]:.3f} s")
    figures = {name: {**_figures(times[name], workload), **costs[name]} for name in eager}
    for name in [name for name in names if name not in CUMULATIVE]:
        logger.info(f"{name}: first steps")
        training.variants.choose("+bf16")
        if name == "+compile":
            apply_solver_settings(changed(training.cfg, ["SOLVER.COMPILE", True]), training.model)
        figures[name], times[name] = _time_recorded(workload, training, rounds)
    for name in [name for name in names if times[name]]:
        figures[name]["ratio_to_plain"] = _ratios(times[name], times.get("plain"))
    return figures


def time_other(workload: Workload, name: str, rounds: int) -> dict:
    """The step of another model than DCAC with LoRA, with all short cuts: "baseline", "frozen" or "full".

    Returns: what `_figures` says, of ordinary steps; on a GPU `recorded`, the same of a CUDA graph.
    """
    training = Training(workload, OTHERS[name])
    training.variants.choose("+bf16" if workload.device == "cuda" else "+onednn")
    without_update = name == "full" and workload.device == "cpu"  # Adam's two states of 860 M weights would not fit
    if without_update:
        optimizer = NoUpdate(parameter for parameter in training.model.parameters() if parameter.requires_grad)
    else:
        optimizer = build_optimizer(training.cfg, training.model)[0]
    step = training.step(optimizer)
    step.time()
    costs = _examine(step, training.model.device)
    times = [step.time(workload.steps) for _ in range(rounds)]
    figures = {**_figures(times, workload), **costs, "optimizer_timed": not without_update}
    if workload.device == "cuda":
        figures["recorded"], _ = _time_recorded(workload, training, rounds)
    logger.info(f"{name}: {figures['step_s']['median']:.3f} s")
    return figures


def _time_recorded(workload: Workload, training: Training, rounds: int) -> tuple[dict, list]:
    """On a GPU, the step as a CUDA graph: its figures, and its timings. The last that is done with a model.

    Of a step that could not be recorded there is no figure, but why it is left out: it would be that of ordinary steps.
    """
    step = training.step(build_optimizer(training.cfg, training.model)[0])
    release_memory(training.model.device)
    if not step.capture():
        return {"left_out": NOT_RECORDED}, []
    times = [step.time(workload.steps, by_part=False) for _ in range(rounds)]
    figures = {
        **_figures(times, workload),
        "peak_memory_gib": peak_memory(training.model.device) / GIB,
        "launches": step.launches(),
    }
    return figures, times


def _examine(step: RepeatedStep, device: torch.device) -> dict:
    """What does not need a clock: losses, operations and, of this one step, the memory."""
    release_memory(device)
    losses, operations = step.examine()
    peak = peak_memory(device)
    return {
        "losses": losses,
        "operations": {**operations, "all": sum(operations.values())},
        "peak_memory_gib": peak / GIB if peak else None,
        "launches": step.launches() if device.type == "cuda" else None,
    }


def _figures(times: Sequence[tuple[float, dict]], workload: Workload) -> dict:
    """Of several timings: seconds of a step and of its parts, images per second."""
    step = _spread([seconds for seconds, _ in times])
    parts = [by_part for _, by_part in times if by_part]
    return {
        "step_s": step,
        "images_per_s": workload.batch / step["median"],
        "parts_s": {part: statistics.median(p[part] for p in parts) for part in PARTS} if parts else None,
    }


def _ratios(times: Sequence[tuple[float, dict]], plain: Sequence[tuple[float, dict]] | None) -> dict | None:
    if not plain:
        return None
    return _spread([seconds / of_plain for (seconds, _), (of_plain, _) in zip(times, plain, strict=True)])


def _spread(values: Sequence[float]) -> dict:
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def _latents(cfg, model: nn.Module, clock: StepClock) -> tuple[Latents, Latents, float]:
    """The VAE at every step and what it gave once, on random images; its scaling factor."""
    if not isinstance(model, DCAC):
        return None, None, 1.0
    encoder = build_encoder(cfg, model.device.type)
    views = torch.rand(cfg.SOLVER.IMS_PER_BATCH, 3, *cfg.MODEL.DCAC.DIFFUSION.SIZE, device=model.device) * 255

    def in_loop(paths):
        before = clock.part
        clock.mark("vae")
        moments = encoder(views)
        clock.mark(before)
        return moments

    dtype = autocast_dtype(cfg)
    with torch.autocast(model.device.type, dtype=dtype, enabled=dtype is not None):
        at_hand = encoder(views)
    return in_loop, lambda paths: at_hand, encoder.scaling_factor
