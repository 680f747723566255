"""The demo: baseline, DCAC in two forms and the recommended settings, trained on one synthetic domain, tested on all four."""

import logging
import os
from collections.abc import Mapping, Sequence

import torch
from tabulate import tabulate

from dcac_fastreid import data
from dcac_fastreid.checkpoint import set_aside
from dcac_fastreid.engine import DCACTrainer, load_config
from dcac_fastreid.engine.config_file import changed
from dcac_fastreid.engine.console import show_few_lines
from dcac_fastreid.engine.run_folder import take
from dcac_fastreid.experiments.protocols import DATASETS
from dcac_fastreid.pages.content import Grid
from fastreid.modeling import build_model
from fastreid.utils.logger import setup_logger

SOURCE = DATASETS["MA"]
TARGETS = {dataset: name for name, dataset in DATASETS.items() if dataset != SOURCE}  # with the paper's short names
RANDOM, PRETRAINED = "random encoder", "pre-trained encoder"
BASELINE, DCAC, IMAGE, RECOMMENDED = "baseline", "DCAC", "DCAC, image-conditioned", "recommended settings"
CONFIGS = {
    BASELINE: "baseline/ma_ms.yml",
    DCAC: "ma_ms.yml",
    IMAGE: "plus/ma_ms/image_cross_view.yml",
    RECOMMENDED: "recommended/ma_ms.yml",
}  # of the trained rows
logger = logging.getLogger("fastreid.demo")

Scores = Mapping[str, Mapping[str, float]]  # data set -> metric -> per cent


def run_demo(configs: str, output: str, opts: Sequence = (), *, verbose: bool = False) -> dict[str, Scores]:
    """Runs the six rows; returns their scores by row, data set and metric.

    Args:
        configs: the folder configs/DCAC/synthetic.
        output: folder for configs, metrics and checkpoints.
        opts: KEY VALUE pairs for all trainings.
        verbose: standard output gets all that is logged, else a line for each row.
    """
    setup_logger()
    if not verbose:
        show_few_lines(logger.name)
    rows = {}
    for row, file in CONFIGS.items():
        folder = os.path.join(output, os.path.splitext(file)[0])
        row_opts = [*opts, "DATASETS.TESTS", (SOURCE, *TARGETS), "OUTPUT_DIR", folder]
        cfg = load_config(os.path.join(configs, file), row_opts)
        if not rows:
            for encoder, pretrained in ((RANDOM, False), (PRETRAINED, True)):
                logger.info(f"Testing the {encoder}")
                rows[encoder] = evaluate_untrained(changed(cfg, ["MODEL.BACKBONE.PRETRAIN", pretrained]))
        logger.info(f"Training {row}: {cfg.SOLVER.MAX_EPOCH} epochs on {SOURCE}")
        rows[row] = train(cfg)
    return rows


def evaluate_untrained(cfg) -> Scores:
    """Tests the encoder without any Re-ID training: as it was pre-trained on captioned synthetic images, or random."""
    cfg = data.with_local_weights(cfg)
    with torch.random.fork_rng():
        torch.manual_seed(cfg.SEED)
        model = build_model(cfg)
    return DCACTrainer.test(cfg, model)


def train(cfg) -> Scores:
    """Trains a row from scratch and tests its last epoch."""
    take(cfg.OUTPUT_DIR)
    set_aside(cfg.OUTPUT_DIR)
    trainer = DCACTrainer(cfg)
    trainer.resume_or_load(resume=False)
    return trainer.train()


def table(rows: Mapping[str, Scores]) -> str:
    """mAP and Rank-1 in per cent, a line for each row, two columns for each test."""
    header = ["trained on MA", "MA (source) mAP", "R1"]
    for short in TARGETS.values():
        header += [f"-> {short} mAP", "R1"]
    lines = [
        [row, *(scores[name][metric] for name in (SOURCE, *TARGETS) for metric in ("mAP", "Rank-1"))]
        for row, scores in rows.items()
    ]
    return tabulate(lines, header, tablefmt="github", floatfmt=".1f")


def results(rows: Mapping[str, Scores]) -> Grid:
    """The same as `table`, for a page."""
    names = (SOURCE, *TARGETS)
    return Grid(
        header=["", *("mAP", "R1") * len(names)],
        rows=[
            [row, *(f"{scores[name][metric]:.1f}" for name in names for metric in ("mAP", "Rank-1"))]
            for row, scores in rows.items()
        ],
        groups=[("trained on MA", 1), ("MA (source)", 2), *((f"-> {short}", 2) for short in TARGETS.values())],
        title="Result: mAP and Rank-1 (R1) in per cent, on the source and on three unseen data sets",
    )


def failures(rows: Mapping[str, Scores]) -> list[str]:
    """What a row must have reached and has not: a sentence each; empty where all is well."""
    found = []
    for row in CONFIGS:
        source, chance = rows[row][SOURCE]["mAP"], rows[RANDOM][SOURCE]["mAP"]
        if not source >= 2 * chance:
            found.append(f"{row}: source mAP {source:.1f} is below twice the {RANDOM}'s {chance:.1f}")
        for name, short in TARGETS.items():
            target, chance = rows[row][name]["mAP"], rows[RANDOM][name]["mAP"]
            if not target >= 1.3 * chance:
                found.append(f"{row}: mAP {target:.1f} on {short} is below 1.3 times the {RANDOM}'s {chance:.1f}")
        mean, before = _mean_of_targets(rows[row]), _mean_of_targets(rows[PRETRAINED])
        if not mean < source:
            found.append(f"{row}: the targets' mean mAP {mean:.1f} is not below the source's {source:.1f}")
        if not mean > before:
            found.append(f"{row}: the targets' mean mAP {mean:.1f} is not above the {PRETRAINED}'s {before:.1f}")
    return found


def _mean_of_targets(scores: Scores) -> float:
    return sum(scores[name]["mAP"] for name in TARGETS) / len(TARGETS)
