"""What will be trained for tables, what does it cost, and where does it run? Said before the first training."""

from collections.abc import Sequence
from pathlib import Path

from dcac_fastreid.data import cache_folder
from dcac_fastreid.disk_room import disk_room
from dcac_fastreid.experiments.cost import Cost, Estimates, cost_of
from dcac_fastreid.experiments.reproduce import split
from dcac_fastreid.experiments.runs import Run
from dcac_fastreid.quantities import duration


def describe_plan(
    runs: Sequence[Run], estimates: Estimates, output: Path, *, jobs: int, num_gpus: int, groups: Sequence[str]
) -> str:
    """Lines: time, GPUs and disk of the runs that are not finished; "" where all are.

    Args: as of `train_missing`. output: the folder of the runs.
    """
    finished, missing = split(runs)
    if not missing:
        return ""
    cost = cost_of(missing, finished, estimates)
    lines = [_time(cost, len(missing), jobs, num_gpus, groups)]
    if groups:
        shown = ", ".join(f"GPU {group}" if num_gpus == 1 else f"GPUs {group}" for group in groups[:jobs])
        lines.append(f"GPUs: {jobs} {'training' if jobs == 1 else 'trainings'} at a time, on {shown}")
    needed = {str(output): cost.output} | ({str(cache_folder()): cost.cache} if cost.cache else {})
    return "\n".join([*lines, *disk_room(needed)])


def _time(cost: Cost, runs: int, jobs: int, num_gpus: int, groups: Sequence[str]) -> str:
    known = runs - cost.unknown
    unknown = f"of {cost.unknown} {'run' if cost.unknown == 1 else 'runs'} it is not known" if cost.unknown else ""
    if not known:
        return "time: not known: a step does not fit into this machine's memory, or the data sets are not made yet"
    whose = "by finished runs and the planner" if 0 < cost.by_finished < cost.seconds else "by the planner"
    whose = "by finished runs" if cost.by_finished == cost.seconds else whose
    if not groups:  # trainings beside each other share the processor, so they do not end earlier
        text = f"time: {duration(cost.seconds)} of this machine, {whose}"
    else:
        hours = cost.seconds * num_gpus / 3600
        at_once = min(jobs, len(groups), known)
        text = f"time: {hours:.3g} GPU-hours, {whose}; with {at_once * num_gpus} GPUs about {duration(cost.seconds / at_once)}"
    return f"{text}; {unknown}" if unknown else text
