"""Everything that two processes do in these tests, in one start of them, and what one process does of it.

What the slow tests alone need is done in a second start.
"""

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from dcac_fastreid.data.checks.check_batches import SAMPLERS

from . import jobs
from .processes import in_processes

TRIPLET = ("IDLoss", "PrototypicalContrastiveLoss", "TripletLoss")
# Name -> config, and what differs from it. Both kinds of step see 4 or 8 images at a time, so that the same kernels are chosen.
STEPS = {
    "dcac": ("ma_ms.yml", ["SOLVER.MICRO_BATCH", 8]),
    "baseline": ("baseline/ma_ms.yml", ["SOLVER.MICRO_BATCH", 8]),
    "all that looks at the batch": (
        "ma_ms.yml",
        [
            "SOLVER.MICRO_BATCH", 4, "MODEL.LOSSES.NAME", TRIPLET, "MODEL.DCAC.CONDITIONER.TRANSFORM", "condition_net",
            "MODEL.DCAC.CONDITIONER.SHUFFLE", True, "MODEL.DCAC.CONDITIONER.PROBS", "both",
        ],
    ),
    "balance": ("ma_ms.yml", ["SOLVER.MICRO_BATCH", 8, "MODEL.DCAC.BALANCE", 0.3]),
    "bf16": ("ma_ms.yml", ["SOLVER.MICRO_BATCH", 8, "SOLVER.AMP.ENABLED", True, "SOLVER.AMP.DTYPE", "bf16"]),
}  # fmt: skip
# Two epochs of 3 steps; 3 batches make the prototypes.
TRAINING = [
    "SOLVER.MAX_EPOCH", 2, "SOLVER.CHECKPOINT_PERIOD", 1, "SOLVER.CHECKPOINT_STEPS", 4, "TEST.IMS_PER_BATCH", 20,
    "SOLVER.EMA.EPOCHS", 1.0, "SOLVER.MICRO_BATCH", 8,
]  # fmt: skip


class Runs(NamedTuple):
    """Results by name of the job: of each of two processes, and of one. folder: of their trainings."""

    two: list[dict]
    one: dict
    folder: Path


@pytest.fixture(scope="session")
def runs(cache_folder, tiny_data, tmp_path_factory) -> Runs:
    folder, root = tmp_path_factory.mktemp("runs"), str(tiny_data)
    steps = {name: step(name, root) for name in STEPS if name != "bf16"}
    steps["fp64"] = ["", "one_step", "ma_ms.yml", root, [], True]
    drawn = {name: batches(name, root) for name in SAMPLERS}
    passes = {f"pass of {number}": ["", "pass_in_order", number] for number in (1, 2, 5)}
    one = jobs.many(
        {
            **steps,
            **drawn,
            **passes,
            "train": training(root, folder / "one"),
            "no seam": training(root, folder / "no seam", wrong="no seam"),
        }
    )
    stopped_inside_an_epoch(folder / "one", folder / "one to two")
    two = in_processes(
        2,
        folder / "results",
        "many",
        {
            **steps,
            **drawn,
            **passes,
            "train": training(root, folder / "two"),
            "resumed": training(root, folder / "one to two", resume=True),
            "shared folder": ["", "folder_of_all", str(folder / "shared")],
            "own folders": ["drives of their own", "folder_of_all", str(folder / "of RANK")],
            "near": ["", "drift", 1e-6],
            "far": ["drift", "drift", 1e-3],
            "hooks": training(root, folder / "hooks", wrong="gradients that are not reduced"),
        },
    )
    return Runs(two, one, folder)


@pytest.fixture(scope="session")
def slow_runs(runs, tiny_data) -> Runs:
    """A variant of the step, and further faults; compared with what one process did in `runs`."""
    folder, root = runs.folder, str(tiny_data)
    bf16 = {"bf16": step("bf16", root)}
    stopped_inside_an_epoch(folder / "one", folder / "blind 0")
    two = in_processes(
        2,
        folder / "slow results",
        "many",
        {
            **bf16,
            "blind": training(root, folder / "blind RANK", resume=True, wrong="a folder that the second does not see"),
            "noise": step("dcac", root, wrong="noise of its own in every process"),
            "sampler": batches("NaiveIdentitySampler", root, wrong="a sampler of its own in every process"),
            "prototypes": training(root, folder / "prototypes", wrong="prototypes of the own images"),
        },
    )
    return Runs(two, {**runs.one, **jobs.many(bf16)}, folder)


def step(name: str, root: str, *, wrong: str = "") -> list:
    """A job: the step of STEPS."""
    config, opts = STEPS[name]
    return [wrong, "one_step", config, root, opts]


def batches(sampler: str, root: str, *, wrong: str = "") -> list:
    """A job: the first five batches."""
    return [wrong, "batches", root, ["DATALOADER.SAMPLER_TRAIN", sampler], 5]


def training(root: str, folder: Path, *, wrong: str = "", resume: bool = False) -> list:
    """A job: two epochs of DCAC."""
    return [wrong, "train", "ma_ms.yml", root, [*TRAINING, "OUTPUT_DIR", str(folder)], resume]


def stopped_inside_an_epoch(folder: Path, copy: Path) -> None:
    """The folder of a run as it is behind the first step of its second epoch."""
    shutil.copytree(folder, copy)
    (copy / "model_final.pth").unlink()
    (copy / "last_checkpoint").unlink()
