"""dcac-fastreid reproduce: the paper's tables, and those beyond it."""

import argparse
import os
import signal
import sys

from dcac_fastreid.arguments import SEEDS, as_path, comma_separated, whole_number
from dcac_fastreid.commands.options import check_one_process
from dcac_fastreid.commands.train import OPTS
from dcac_fastreid.errors import InputError
from dcac_fastreid.shipped import configs

DESCRIPTION = "Trains the rows of a table that have no result yet, and makes the table. Started again, it goes on where it stopped."


def add_options(parser: argparse.ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--table",
        metavar="NAME",
        help="table to make: a name that --list prints, or the number of a table of the paper",
    )
    what.add_argument("--list", action="store_true", help="list the tables")
    what.add_argument("--run", nargs=4, metavar=("ROW", "SOURCE", "SEED", "PARENT"), help=argparse.SUPPRESS)
    parser.add_argument(
        "--synthetic", action="store_true", help="train on the synthetic data set, with small pre-trained parts"
    )
    parser.add_argument(
        "--seeds",
        type=whole_number(1, 1000),
        default=5,
        metavar="N",
        help="number of training seeds: 0 to N - 1 (default: 5)",
    )
    parser.add_argument(
        "--data-seeds", type=comma_separated(whole_number(0, SEEDS - 1)), default=[], metavar="A,B",
        help="train and test on the synthetic data sets of these seeds, and compare over all of them (default: 0 alone)",
    )  # fmt: skip
    parser.add_argument(
        "--output", default="logs/reproduce", metavar="DIR", help="folder for runs and tables (default: logs/reproduce)"
    )
    parser.add_argument(
        "--results", metavar="DIR",
        help="folder of small result files, such as benchmarks/results: a run with a file there is taken as finished; other runs "
        "write one",
    )  # fmt: skip
    parser.add_argument(
        "--rows", type=comma_separated(), default=[], metavar="A,B", help="train only these rows of the table"
    )
    parser.add_argument(
        "--sources", type=comma_separated(), default=[], metavar="MA,MS", help="train only on these sources"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="list the runs, and which of them are done, without training"
    )
    parser.add_argument(
        "--jobs",
        type=whole_number(1, 1000),
        default=1,
        metavar="N",
        help="number of trainings at the same time (default: 1)",
    )
    parser.add_argument(
        "--num-gpus", type=whole_number(1, 1000), default=1, metavar="N",
        help="number of GPUs that share each training, or of processes where there is no GPU (default: 1)",
    )  # fmt: skip
    parser.add_argument("opts", nargs=argparse.REMAINDER, help=OPTS)


def run(args: argparse.Namespace) -> None:
    from dcac_fastreid.experiments import protocols

    if args.list or args.table == "6":
        print(protocols.list_tables() if args.list else protocols.COST)
    elif args.run:
        _run_one(args)
    else:
        _run_table(args)


def _run_one(args: argparse.Namespace) -> None:
    """A training of --jobs or --num-gpus, in its own process or in those that it starts."""
    from dcac_fastreid.distributed.launch import launch, processes_of
    from dcac_fastreid.experiments.runs import make_run, train
    from dcac_fastreid.helper_processes import end_with

    row, source, seed, parent = args.run
    if not (seed + parent).isdecimal():
        raise InputError(f"--run is {' '.join(args.run)}; expected the seed and the parent's process as whole numbers")
    end_with(int(parent))
    output, processes = as_path(args.output, "--output"), processes_of(args.num_gpus, 1)
    made = make_run(_configs(args), output, row, source, int(seed), args.opts, processes=processes)
    launch(train, args.num_gpus, args=(made,), on_gpus=made.cfg.MODEL.DEVICE != "cpu")


def _run_table(args: argparse.Namespace) -> None:
    from dcac_fastreid.commands.main import as_typed
    from dcac_fastreid.experiments.protocols import table_of
    from dcac_fastreid.output_files import check_writable

    check_one_process(
        "start it without the launcher: --num-gpus has each training done by several processes, --jobs several trainings at a "
        "time, on one machine"
    )
    output = as_path(args.output, "--output")
    check_writable(output, "--output leads to")
    results = as_path(args.results, "--results") if args.results is not None else None
    if results:
        check_writable(results, "--results leads to")
    if args.data_seeds and not args.synthetic:
        raise InputError("--data-seeds names synthetic data sets; add --synthetic, or leave it out")
    spec = table_of(args.table, synthetic=args.synthetic)
    from dcac_fastreid.experiments import reproduce

    runs = reproduce.runs_of(
        spec, _configs(args), output, seeds=args.seeds, data_seeds=args.data_seeds, opts=args.opts, results=results
    )
    asked = reproduce.restrict(runs, spec, args.rows, args.sources)
    if args.dry_run:
        print(reproduce.describe(asked))
        return
    signal.signal(
        signal.SIGTERM, signal.default_int_handler
    )  # as Ctrl-C: else trainings in other processes would live on
    interrupted = False
    try:
        reproduce.train_missing(asked, jobs=args.jobs, num_gpus=args.num_gpus, command=lambda run: _words(run, args))
    except KeyboardInterrupt:
        interrupted = True
    if interrupted:  # not in `except`: the exit would be because of the interrupt, and tell it once more
        done = sum(run.result() is not None for run in asked)
        print(f"\nStopped; {done} of {len(asked)} runs are done. To go on: {as_typed(args)}", file=sys.stderr)
        sys.exit(130)
    stem = reproduce.stem(spec, args.opts, synthetic=args.synthetic, data_seeds=args.data_seeds)
    made = reproduce.write(spec, runs, output / "tables", stem, published=not args.synthetic, command=as_typed(args))
    print("\n" + made)


def _words(run, args: argparse.Namespace) -> list[str]:
    """That start the process of one training."""
    from dcac_fastreid.experiments.reproduce import ROOT

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


def _configs(args: argparse.Namespace):
    return configs() / "DCAC" / ("synthetic" if args.synthetic else "")
