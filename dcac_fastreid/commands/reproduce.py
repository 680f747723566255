"""dcac-fastreid reproduce: the paper's tables, and those beyond it."""

import argparse
import functools
import signal
import sys
from contextlib import nullcontext

from dcac_fastreid import data
from dcac_fastreid.arguments import SEEDS, as_path, comma_separated, whole_number
from dcac_fastreid.commands.one_training import configs_of, run_one, words_for
from dcac_fastreid.commands.options import check_one_process
from dcac_fastreid.commands.train import OPTS
from dcac_fastreid.errors import InputError

DESCRIPTION = "Trains the rows of a table that have no result yet, and makes the table. Started again, it goes on where it stopped."


def add_options(parser: argparse.ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--table",
        metavar="NAME",
        help="table to make: a name that --list prints, the number of a table of the paper, or all: those of the paper that "
        "train something",
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
        "--dry-run",
        action="store_true",
        help="list the runs, which of them are done, and what the others cost, without training",
    )
    parser.add_argument(
        "--jobs",
        type=whole_number(1, 1000),
        default=None,
        metavar="N",
        help="number of trainings at the same time (default: as many as there are GPUs for, 1 without)",
    )
    parser.add_argument(
        "--num-gpus", type=whole_number(1, 1000), default=1, metavar="N",
        help="number of GPUs that each training has for its own, or of processes that share it where there is no GPU (default: 1)",
    )  # fmt: skip
    parser.add_argument("opts", nargs=argparse.REMAINDER, help=OPTS)


def run(args: argparse.Namespace) -> None:
    from dcac_fastreid.experiments import protocols

    if args.list or args.table == "6":
        print(protocols.list_tables() if args.list else protocols.COST)
    elif args.run:
        run_one(args)
    else:
        _run_tables(args)


def _run_tables(args: argparse.Namespace) -> None:
    from dcac_fastreid.commands.main import as_typed
    from dcac_fastreid.experiments.protocols import tables_of

    check_one_process(
        "start it without the launcher: --num-gpus has each training done by several processes, --jobs several trainings at a "
        "time, on one machine"
    )
    output, results = _folders(args)
    if args.data_seeds and not args.synthetic:
        raise InputError("--data-seeds names synthetic data sets; add --synthetic, or leave it out")
    specs = tables_of(args.table, synthetic=args.synthetic)
    from dcac_fastreid.experiments import table_files
    from dcac_fastreid.experiments.table_runs import restrict, runs_of

    of_table = {"seeds": args.seeds, "data_seeds": args.data_seeds, "opts": args.opts, "results": results}
    of_table["processes"] = args.num_gpus
    runs = [runs_of(spec, configs_of(args), output, **of_table) for spec in specs]
    asked = restrict(runs, specs, args.rows, args.sources)
    signal.signal(
        signal.SIGTERM, signal.default_int_handler
    )  # as Ctrl-C: else trainings in other processes would live on
    interrupted = False
    try:
        with data.saving_no_hashes() if args.dry_run else nullcontext():
            _plan_and_train(args, asked, output)
    except KeyboardInterrupt:
        interrupted = True
    if interrupted:  # not in `except`: the exit would be because of the interrupt, and tell it once more
        done = sum(run.result() is not None for run in asked)
        print(f"\nStopped; {done} of {len(asked)} runs are done. To go on: {as_typed(args)}", file=sys.stderr)
        sys.exit(130)
    if args.dry_run:
        return
    for spec, of_spec in zip(specs, runs, strict=True):
        stem = table_files.stem(spec, args.opts, synthetic=args.synthetic, data_seeds=args.data_seeds)
        to = {"published": not args.synthetic, "command": as_typed(args)}
        print("\n" + table_files.write(spec, of_spec, output / "tables", stem, **to))


def _folders(args: argparse.Namespace):
    """Of runs and tables, and of results that are kept, or None."""
    from dcac_fastreid.output_files import check_writable

    output = as_path(args.output, "--output")
    check_writable(output, "--output leads to")
    results = as_path(args.results, "--results") if args.results is not None else None
    if results:
        check_writable(results, "--results leads to")
    return output, results


def _plan_and_train(args: argparse.Namespace, runs: list, output) -> None:
    """Checks what all runs need, says what they cost, and trains them, unless it is a dry run."""
    from dcac_fastreid.commands.run_estimates import RunEstimates
    from dcac_fastreid.experiments import reproduce
    from dcac_fastreid.experiments.gpus import groups_of_gpus
    from dcac_fastreid.experiments.readiness import check_runs
    from dcac_fastreid.experiments.run_plan import describe_plan
    from dcac_fastreid.helper_processes import alone

    if args.dry_run:
        print(reproduce.describe(runs))
    check_runs(reproduce.split(runs)[1], num_gpus=args.num_gpus, dry_run=args.dry_run)
    print(reproduce.count(runs), flush=True)
    estimates, groups = RunEstimates(args.num_gpus), groups_of_gpus(args.num_gpus, runs[0].cfg.MODEL.DEVICE)
    where = {"jobs": args.jobs or max(1, len(groups)), "num_gpus": args.num_gpus, "groups": groups}
    # To predict takes the better part of a minute, as a training on the synthetic data set does.
    if args.dry_run or not args.synthetic:
        ask = functools.partial(alone, describe_plan) if groups else describe_plan  # else this process would keep a GPU
        if plan := ask(runs, estimates, output, **where):
            print(plan, flush=True)
    if not args.dry_run:
        words = {run.key: words_for(run, args) for run in runs}
        reproduce.train_missing(runs, **where, command=lambda run: words[run.key], images_of=estimates.images)
