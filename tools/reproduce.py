"""Trains what a table of the paper needs and has not yet, and makes the table. Started again, it goes on where it stopped.

python tools/reproduce.py --table 7 --synthetic --seeds 5 [--rows a,b] [--sources MA,MS] [--jobs 2] [--dry-run] [KEY VALUE ...]
"""

import argparse
import os
import shlex
import signal
import sys
from pathlib import Path

import dcac_fastreid  # first: it makes fast-reid importable
from dcac_fastreid.arguments import SEEDS, as_path, comma_separated, whole_number
from dcac_fastreid.errors import InputError
from dcac_fastreid.experiments import reproduce
from dcac_fastreid.experiments.protocols import table_of
from dcac_fastreid.experiments.runs import Run, make_run, train
from dcac_fastreid.helper_processes import end_with
from dcac_fastreid.output_files import check_writable

CONFIGS = Path(__file__).parent.parent / "configs" / "DCAC"


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Trains the rows of a table that have no result yet, and makes the table"
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--table", metavar="NAME", help="a protocol by name, or a table of the paper by number")
    what.add_argument("--list", action="store_true", help="list the tables")
    what.add_argument("--run", nargs=4, metavar=("ROW", "SOURCE", "SEED", "PARENT"), help=argparse.SUPPRESS)
    parser.add_argument("--synthetic", action="store_true", help="on the drawn world, with small pre-trained parts")
    parser.add_argument(
        "--seeds", type=whole_number(1, 1000), default=5, metavar="N", help="seeds 0 to N - 1 (default: 5)"
    )
    parser.add_argument(
        "--data-seeds", type=comma_separated(whole_number(0, SEEDS - 1)), default=[], metavar="A,B",
        help="train and test on the synthetic data sets of these seeds, and judge over all of them (default: 0 alone)",
    )  # fmt: skip
    parser.add_argument("--output", default="logs/reproduce", metavar="DIR", help="(default: logs/reproduce)")
    parser.add_argument(
        "--results", metavar="DIR",
        help="folder of small result files, such as benchmarks/results: a run that has one there is finished, others leave one",
    )  # fmt: skip
    parser.add_argument("--rows", type=comma_separated(), default=[], metavar="A,B", help="train these rows alone")
    parser.add_argument(
        "--sources", type=comma_separated(), default=[], metavar="MA,MS", help="train on these sources alone"
    )
    parser.add_argument("--dry-run", action="store_true", help="list the runs, and which of them are done")
    parser.add_argument(
        "--jobs", type=whole_number(1, 1000), default=1, metavar="N", help="trainings at a time (default: 1)"
    )
    parser.add_argument("opts", nargs=argparse.REMAINDER, help="KEY VALUE ... as in tools/train_net.py")
    return parser.parse_args()


def opts_of(run: Run, args: argparse.Namespace) -> list[str]:
    return [*args.opts, *([reproduce.ROOT, run.cfg.DATASETS.ROOT] if args.data_seeds else [])]


def main(args: argparse.Namespace) -> None:
    configs, output = CONFIGS / "synthetic" if args.synthetic else CONFIGS, as_path(args.output, "--output")
    if args.run:
        row, source, seed, parent = args.run
        if not (seed + parent).isdecimal():
            raise InputError(
                f"--run is {' '.join(args.run)}; expected the seed and the parent's process as whole numbers"
            )
        end_with(int(parent))
        train(make_run(configs, output, row, source, int(seed), args.opts))
        return
    if args.list or args.table == "6":
        print(reproduce.list_tables() if args.list else reproduce.COST)
        return
    check_writable(output, "--output leads to")
    results = as_path(args.results, "--results") if args.results is not None else None
    if results:
        check_writable(results, "--results leads to")
    if args.data_seeds and not args.synthetic:
        raise InputError("--data-seeds names synthetic data sets; add --synthetic, or leave it out")
    spec = table_of(args.table, synthetic=args.synthetic)
    runs = reproduce.runs_of(
        spec, configs, output, seeds=args.seeds, data_seeds=args.data_seeds, opts=args.opts, results=results
    )
    asked = reproduce.restrict(runs, spec, args.rows, args.sources)
    if args.dry_run:
        print(reproduce.describe(asked))
        return
    again = shlex.join(["python", "tools/reproduce.py", *sys.argv[1:]])
    single = [sys.executable, __file__, *["--synthetic"] * args.synthetic, "--output", args.output, "--run"]
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: else the trainings of --jobs would live on
    try:
        reproduce.train_missing(
            asked,
            jobs=args.jobs,
            command=lambda run: [*single, run.row, run.source, str(run.seed), str(os.getpid()), *opts_of(run, args)],
        )
    except KeyboardInterrupt:
        done = sum(run.result() is not None for run in asked)
        print(f"\nStopped; {done} of {len(asked)} runs are done. To go on: {again}", file=sys.stderr)
        sys.exit(130)
    stem = reproduce.stem(spec, args.opts, synthetic=args.synthetic, data_seeds=args.data_seeds)
    print("\n" + reproduce.write(spec, runs, output / "tables", stem, published=not args.synthetic, command=again))


if __name__ == "__main__":
    with dcac_fastreid.one_sentence_errors():
        main(parse())
