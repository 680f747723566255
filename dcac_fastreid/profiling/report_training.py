"""What `train --dry-run` prints: the files of a training, and how long it takes."""

from collections.abc import Mapping, Sequence

from dcac_fastreid import data
from dcac_fastreid.disk_room import disk_room
from dcac_fastreid.profiling.decoding_time import decoding_seconds
from dcac_fastreid.profiling.report import table
from dcac_fastreid.profiling.training_files import LATENTS, WRITTEN, Files, training_files
from dcac_fastreid.profiling.training_images import training_images
from dcac_fastreid.profiling.training_time import Planner, StepPrediction
from dcac_fastreid.quantities import duration, size

HEADER = ("", "what", "number", "there", "size", "where")


def describe_training(cfg, processes: int) -> str:
    """Reads lists, sizes of files and weights; predicts on the device of cfg; writes nothing. Data and weights are there.

    Args: processes: that share the training.
    """
    if not data.synthetic_data_is_there(cfg.DATASETS.ROOT):
        return (
            f"The synthetic data set {cfg.DATASETS.ROOT} would be made in {data.cache_folder()} first, in a minute or two; how "
            "many images it has is known then. Nothing was written."
        )
    images = training_images(cfg)
    files, planner = training_files(cfg, images), Planner(processes)
    latents = sum(line.number - line.there for line in files if line.what == LATENTS)
    passes = planner.training(cfg, images, latents)
    if passes is not None:
        passes = {"decoding": decoding_seconds(cfg, images), **passes}
    lines = [table(HEADER, [_row(line) for line in files]), *_room(cfg, files)]
    return "\n".join([*lines, *_time(cfg, planner.step(cfg, images.identities), passes), "Nothing was written."])


def _room(cfg, files: Sequence[Files]) -> list[str]:
    needed = {cfg.OUTPUT_DIR: 0, str(data.cache_folder()): 0}
    for line in files:
        needed[cfg.OUTPUT_DIR if line.verb == WRITTEN else str(data.cache_folder())] += line.missing
    return disk_room(needed)


def _time(cfg, step: StepPrediction, passes: Mapping[str, float] | None) -> list[str]:
    memory = f"memory: {step.needed_gib:.1f} GiB needed, {step.available_gib:.1f} GiB there ({cfg.MODEL.DEVICE})"
    if passes is None:
        return [
            memory,
            "time: not known, as a step does not fit into this memory; settings that need less: dcac-fastreid benchmark --plan",
        ]
    parts = ", ".join(f"{name} {duration(seconds)}" for name, seconds in passes.items() if seconds)
    return [
        memory,
        f"time: {duration(sum(passes.values()))} ({parts}), by the planner, a step {step.step:.3g} s; not in it: a slow "
        "drive, ranking, checkpoints",
    ]


def _row(line: Files) -> list[str]:
    there = f"{line.there:,}" if line.there else ""
    return [line.verb, line.what, f"{line.number:,}", there, size(line.bytes), line.where]
