"""What a run shows on the terminal: a few lines. Its log.txt has these and all else, and so has the terminal with -v."""

import logging
import sys
from collections.abc import Mapping, Sequence

from tabulate import tabulate

NAME = "fastreid.dcac.console"
console = logging.getLogger(NAME)
# Columns of a result; fast-reid's "metric", which selects a checkpoint, is in the log alone.
FIRST = ("mAP", "Rank-1", "Rank-5", "Rank-10")


def show_few_lines(logger: str = NAME) -> None:
    """From now on standard output has the lines of one logger, and warnings, of all that fast-reid's logger gets."""
    for handler in logging.getLogger("fastreid").handlers:
        if getattr(handler, "stream", None) is sys.stdout:
            handler.addFilter(lambda record: record.name == logger or record.levelno >= logging.WARNING)
            handler.setFormatter(_Plain())


class _Plain(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return text if record.levelno < logging.WARNING else f"{record.levelname}: {text}"


def say_training(cfg, dataset, steps: Sequence[int], at: tuple[int, int], speed: str) -> None:
    """The header of a training.

    Args:
        dataset: the training set, with `img_items`, `num_classes` and `num_cameras`.
        steps: of each epoch.
        at: epoch and step in it, from 0, where it begins or goes on.
        speed: a line about how its steps are computed, and why so; "" for none.
    """
    names = ", ".join(cfg.DATASETS.NAMES)
    console.info(
        f"Training {cfg.MODEL.META_ARCHITECTURE} on {names}{_root(cfg)}: {dataset.num_classes:,} identities, "
        f"{len(dataset.img_items):,} images, {dataset.num_cameras} cameras"
    )
    each = f"{min(steps)}" if min(steps) == max(steps) else f"{min(steps)} to {max(steps)}"
    precision = cfg.SOLVER.AMP.DTYPE if cfg.SOLVER.AMP.ENABLED else "fp32"
    console.info(
        f"{len(steps)} epochs of {each} steps of {cfg.SOLVER.IMS_PER_BATCH} images on {cfg.MODEL.DEVICE} in {precision}, "
        f"seed {cfg.SEED}; test on {', '.join(cfg.DATASETS.TESTS) or 'nothing'}"
    )
    if speed:
        console.info(speed)
    console.info(f"log, metrics and checkpoints: {cfg.OUTPUT_DIR}")
    if any(at):
        console.info(f"going on at epoch {at[0] + 1}" + (f", step {at[1] + 1}" if at[1] else ""))


def say_test(cfg) -> None:
    """The header of a test."""
    weights = cfg.MODEL.WEIGHTS or "the encoder without training"
    console.info(f"Testing {weights} on {', '.join(cfg.DATASETS.TESTS)}{_root(cfg)}, on {cfg.MODEL.DEVICE}")


def say_epoch(
    number: int, epochs: int, losses: Mapping[str, float], rate: float | None, took: float, to_come: float
) -> None:
    """A line for an epoch.

    Args:
        number: of the epoch, from 1.
        losses: means over its steps.
        rate: the learning rate of its last step.
        took, to_come: seconds, of the epoch and of all that are left.
    """
    shown = "  ".join(f"{name} {value:.3f}" for name, value in losses.items())
    shown += f"  lr {rate:.2e}" if rate is not None else ""
    left = f", {_duration(to_come)} left" if number < epochs else ""
    console.info(f"epoch {number:>{len(str(epochs))}}/{epochs}  {shown}  {_duration(took)}{left}")


def say_results(results: Mapping[str, Mapping[str, float]]) -> None:
    """The table of a test, in per cent. Args: results: data set -> metric -> value."""
    metrics = [*FIRST, *(name for of_set in results.values() for name in of_set if name not in (*FIRST, "metric"))]
    metrics = [name for name in dict.fromkeys(metrics) if any(name in of_set for of_set in results.values())]
    lines = [[name, *(of_set.get(metric) for metric in metrics)] for name, of_set in results.items()]
    for line in tabulate(lines, ["tested on", *metrics], tablefmt="github", floatfmt=".1f").splitlines():
        console.info(line)


def _root(cfg) -> str:
    return f" ({cfg.DATASETS.ROOT})" if cfg.DATASETS.ROOT else ""


def _duration(seconds: float) -> str:
    seconds = round(seconds)
    if seconds < 100:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
