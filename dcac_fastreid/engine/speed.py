"""SOLVER.SPEED: in which precision, and recorded or not, does a training run on this machine? And one line that says it."""

from collections.abc import Mapping, Sequence

import torch

from dcac_fastreid.engine.captured_step import why_not_captured
from dcac_fastreid.engine.settings import OURS
from fastreid.config import CfgNode

UNSAID = "unsaid"  # the value of a key that neither a file nor KEY VALUE pairs say, until one is chosen
AUTO, AUTHORS = "auto", "authors"
ENABLED, DTYPE, GRAPH = "SOLVER.AMP.ENABLED", "SOLVER.AMP.DTYPE", "SOLVER.CUDA_GRAPH"
DEFAULTS = {ENABLED: False, DTYPE: "fp16", GRAPH: False}  # of the keys that are chosen
BF16_FROM = (8, 0)  # compute capability: NVIDIA's Ampere


def choose_speed(cfg: CfgNode, processes: int) -> None:
    """Gives each key of DEFAULTS that is unsaid a value, in place: for MODEL.DEVICE, and so many processes.

    fast-reid's own architectures, and what runs on the CPU, get the keys' defaults: fp32, step by step.
    """
    amp, ours_on_gpu = cfg.SOLVER.AMP, _on_gpu(cfg) and cfg.MODEL.META_ARCHITECTURE in OURS
    if amp.ENABLED == UNSAID:
        amp.ENABLED = ours_on_gpu and _precision(cfg) != "fp32"
    if amp.DTYPE == UNSAID:
        amp.DTYPE = DEFAULTS[DTYPE]
        if ours_on_gpu and amp.ENABLED:
            # Of mixed precision where fp32 would be chosen, somebody said ENABLED: bf16 works, by emulation.
            amp.DTYPE = _precision(cfg) if _precision(cfg) != "fp32" else "bf16"
    if cfg.SOLVER.CUDA_GRAPH == UNSAID:
        wanted = ours_on_gpu and cfg.SOLVER.SPEED == AUTO
        cfg.SOLVER.CUDA_GRAPH = wanted and why_not_captured(cfg, processes) is None


def leave_unsaid(cfg: CfgNode) -> None:
    """Marks the keys of DEFAULTS, before the files and pairs that may say them."""
    cfg.SOLVER.AMP.ENABLED = cfg.SOLVER.AMP.DTYPE = cfg.SOLVER.CUDA_GRAPH = UNSAID


def precision_of(solver: Mapping) -> str:
    """ "fp32", "bf16" or "fp16", of a config's section SOLVER."""
    return solver["AMP"]["DTYPE"] if solver["AMP"]["ENABLED"] else "fp32"


def pairs_of_run(cfg: CfgNode, of_run: Mapping, opts: Sequence) -> list:
    """KEY VALUE pairs by which a resumed run goes on in the precision in which it began; [] where there is nothing to keep.

    Nothing is kept on another kind of device, where this GPU has no bf16, and where the command says another precision or
    SOLVER.SPEED is another one; then `engine/resume.py` tells what the run was in and goes on in.

    Args:
        cfg: of the command. of_run: the content of the run's config.yaml. opts: the command's own pairs.
    """
    try:
        solver, device = of_run["SOLVER"], str(of_run["MODEL"]["DEVICE"])
        began, speed = precision_of(solver), solver.get("SPEED", cfg.SOLVER.SPEED)
    except (KeyError, TypeError):  # no config of a run, or damaged
        return []
    same_kind = device.partition(":")[0] == cfg.MODEL.DEVICE.partition(":")[0]
    said = {ENABLED, DTYPE, "SOLVER.SPEED"}.intersection(opts[::2])
    if said or speed != cfg.SOLVER.SPEED or not same_kind or began == precision_of(cfg.SOLVER):
        return []
    if began not in ("fp32", "fp16", "bf16") or (began == "bf16" and _on_gpu(cfg) and not _has_bf16(cfg)):
        return []
    return [ENABLED, False] if began == "fp32" else [ENABLED, True, DTYPE, began]


def describe_speed(cfg: CfgNode, processes: int) -> str:
    """What the steps of a training run in, and why, in one line; "" of an architecture of fast-reid."""
    if cfg.MODEL.META_ARCHITECTURE not in OURS:
        return ""
    precision = precision_of(cfg.SOLVER)
    runs, why = {"fp16": "fp16 with a loss scaler"}.get(precision, precision), ""
    if not _on_gpu(cfg):
        why = " (on the CPU)" if torch.cuda.is_available() else " (there is no GPU)"
    elif cfg.SOLVER.CUDA_GRAPH or cfg.SOLVER.SPEED == AUTO:
        reason = why_not_captured(cfg, processes)
        recorded = cfg.SOLVER.CUDA_GRAPH and not reason
        runs += (
            ", steps to be recorded as a CUDA graph"
            if recorded
            else f", steps not recorded{f': {reason}' if reason else ''}"
        )
        if cfg.SOLVER.SPEED == AUTO and not _has_bf16(cfg):
            why = f" ({torch.cuda.get_device_name(cfg.MODEL.DEVICE)} {'emulates' if precision == 'bf16' else 'has no'} bf16)"
    others = _others(cfg, processes)
    said = f"SOLVER.SPEED {cfg.SOLVER.SPEED}" + (f", but the config has {others}" if others else "")
    return f"{said}: {runs}{why}"


def _others(cfg: CfgNode, processes: int) -> str:
    """The keys of DEFAULTS that have another value than SOLVER.SPEED would choose.

    Somebody, or the run's beginning, said it; or a program has made the config itself, which leaves nothing to be chosen.
    """
    others = []
    for name in DEFAULTS if cfg.SOLVER.AMP.ENABLED else (ENABLED, GRAPH):
        section, _, key = name.rpartition(".")
        other = cfg.clone()
        other.defrost()
        node = other.SOLVER.AMP if section == "SOLVER.AMP" else other.SOLVER
        said, node[key] = node[key], UNSAID
        choose_speed(other, processes)
        if node[key] != said:
            others.append(f"{name.removeprefix('SOLVER.')} {said}")
    return ", ".join(others)


def _precision(cfg: CfgNode) -> str:
    """That of SOLVER.SPEED on this GPU."""
    if cfg.SOLVER.SPEED == AUTHORS:
        return "fp16"
    if _has_bf16(cfg):
        return "bf16"
    return "fp32" if cfg.MODEL.DCAC.BALANCE else "fp16"  # whose gradients fp16 would lose before they are scaled


def _on_gpu(cfg: CfgNode) -> bool:
    return cfg.MODEL.DEVICE.startswith("cuda")


def _has_bf16(cfg: CfgNode) -> bool:
    return torch.cuda.get_device_capability(cfg.MODEL.DEVICE) >= BF16_FROM
