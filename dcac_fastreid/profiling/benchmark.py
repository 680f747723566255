"""Everything that the benchmark measures, in one run: training steps, extraction, ranking, and what they must reach."""

import logging
import time
from collections.abc import Sequence
from datetime import datetime, timezone

import torch

from dcac_fastreid.arguments import as_count
from dcac_fastreid.engine.versions import describe_versions
from dcac_fastreid.errors import InputError
from dcac_fastreid.profiling.bars import check_bars
from dcac_fastreid.profiling.extraction import time_extraction
from dcac_fastreid.profiling.flops import BATCH, training_flops
from dcac_fastreid.profiling.machine import (
    describe_environment,
    describe_machine,
    matrix_rate,
    release_memory,
)
from dcac_fastreid.profiling.ranking import Search, rank_given_distances, rank_in_a_fresh_process
from dcac_fastreid.profiling.training import time_other, time_variants
from dcac_fastreid.profiling.variants import CUMULATIVE, ON_GPU
from dcac_fastreid.profiling.workload import OTHERS, Workload

VARIANTS = (*CUMULATIVE, *(name for name in ON_GPU if name not in CUMULATIVE))
SECTIONS = (*VARIANTS, *OTHERS, "extraction", "ranking")
FEWER_ROUNDS = 2  # of what is compared with nothing in the same round

logger = logging.getLogger(__name__)


def benchmark(workload: Workload, *, rounds: int, only: Sequence[str] = (), command: str = "") -> dict:
    """Measures and returns what the JSON holds.

    Args:
        rounds: of the cumulative variants.
        only: of SECTIONS; all of them where empty.
        command: the line that started it, for the record.
    Raises:
        InputError: an unknown name, or no round.
    """
    unknown = [name for name in only if name not in SECTIONS]
    if unknown:
        raise InputError(f"--only names {', '.join(unknown)}; known are {', '.join(SECTIONS)}")
    as_count(rounds, "the number of rounds")
    begin = time.perf_counter()
    chosen = [name for name in SECTIONS if name in only or not only]
    results = {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "command": command,
        "settings": {
            "size": workload.name,
            "device": workload.device,
            "precision": "bf16" if workload.device == "cuda" else "fp32",
            "batch": workload.batch,
            "identities": workload.num_classes,
            "rounds": rounds,
            "steps_per_timing": workload.steps,
            "sections": chosen,
        },
        "machine": describe_machine(),
        "versions": describe_versions(),
        "environment": describe_environment(),
    }
    device = torch.device(workload.device)
    if "ranking" in chosen:
        results["ranking"] = _rank(workload)
    rates = [matrix_rate(workload.matrix, device)]
    results["training"] = _train(workload, chosen, rounds)
    rates.append(matrix_rate(workload.matrix, device))  # once more: something else may have run the first time
    results["matrix_rate"] = max(rates, key=lambda rate: rate["flops_per_second"])
    _add_flops(results, workload)
    if "extraction" in chosen:
        logger.info("feature extraction")
        results["extraction"] = time_extraction(workload, min(rounds, FEWER_ROUNDS))
    results["bars"] = check_bars(results)
    results["seconds"] = round(time.perf_counter() - begin, 1)
    return results


def _rank(workload: Workload) -> dict:
    logger.info("ranking of given distances, by fast-reid and by us")
    given = rank_given_distances(*workload.given)
    logger.info("ranking of features")
    return {"given_distances": given, "features": rank_in_a_fresh_process(Search(*workload.searched, workload.device))}


def _train(workload: Workload, chosen: Sequence[str], rounds: int) -> dict[str, dict]:
    """By variant or other model, in the order of SECTIONS; one model at a time is in memory."""
    device = torch.device(workload.device)
    here = [name for name in chosen if workload.device == "cuda" or name not in ON_GPU]
    figures = {name: {"left_out": "GPU only"} for name in chosen if name not in here}
    variants = [name for name in here if name in VARIANTS]
    if variants:
        figures.update(time_variants(workload, variants, rounds))
    for name in [name for name in here if name in OTHERS]:
        release_memory(device)
        figures[name] = time_other(workload, name, min(rounds, FEWER_ROUNDS))
    return {name: figures[name] for name in SECTIONS if name in figures}


def _add_flops(results: dict, workload: Workload) -> None:
    """FLOPs of batch 64, and the share of the machine's matrix rate that a step of the measured batch reaches."""
    logger.info(f"FLOPs of batch {BATCH} on the meta device")
    measured = {name: figures for name, figures in results["training"].items() if "step_s" in figures}
    for name, flops in training_flops(workload, list(measured)).items():
        per_second = flops * workload.batch / BATCH / measured[name]["step_s"]["median"]
        measured[name]["flops_batch_64"] = flops
        measured[name]["share_of_matrix_rate"] = per_second / results["matrix_rate"]["flops_per_second"]
