"""The process that `reproduce` starts for one training: its words, and what it does."""

import argparse
import os
import sys
from pathlib import Path

from dcac_fastreid.arguments import as_path
from dcac_fastreid.errors import InputError
from dcac_fastreid.shipped import configs


def words_for(run, args: argparse.Namespace) -> list[str]:
    """That start the process of a run. Args: args: of the command that starts it."""
    from dcac_fastreid.experiments.table_runs import ROOT

    root = [ROOT, run.cfg.DATASETS.ROOT] if args.data_seeds else []
    words = [
        sys.executable,
        "-m",
        "dcac_fastreid",
        "reproduce",
        *["--synthetic"] * args.synthetic,
        "--output",
        args.output,
        "--num-gpus",
        str(args.num_gpus),
    ]
    return [*words, "--run", run.row, run.source, str(run.seed), str(os.getpid()), *args.opts, *root]


def run_one(args: argparse.Namespace) -> None:
    """A training of --jobs or --num-gpus, in this process or in those that it starts."""
    from dcac_fastreid.distributed.launch import launch, processes_of
    from dcac_fastreid.experiments.runs import make_run
    from dcac_fastreid.experiments.training import train
    from dcac_fastreid.helper_processes import end_with

    row, source, seed, parent = args.run
    if not (seed + parent).isdecimal():
        raise InputError(f"--run is {' '.join(args.run)}; expected the seed and the parent's process as whole numbers")
    end_with(int(parent))
    output, processes = as_path(args.output, "--output"), processes_of(args.num_gpus, 1)
    made = make_run(configs_of(args), output, row, source, int(seed), args.opts, processes=processes)
    launch(train, args.num_gpus, args=(made,), on_gpus=made.cfg.MODEL.DEVICE != "cpu")


def configs_of(args: argparse.Namespace) -> Path:
    """The folder of the runs' configs."""
    return configs() / "DCAC" / ("synthetic" if args.synthetic else "")
