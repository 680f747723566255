"""dcac-fastreid benchmark: speed and memory, measured or predicted."""

import argparse
import json
import logging
import sys
from pathlib import Path

from dcac_fastreid.arguments import as_device, whole_number
from dcac_fastreid.commands.train import CONFIG, OPTS
from dcac_fastreid.errors import InputError
from dcac_fastreid.shipped import configs

DESCRIPTION = """\
Measures speed and memory of this package on this machine, or predicts them for a config (--plan).

The JSON goes to standard output, and to the file that --output names; tables and progress go to standard error. Weights are
random; no data set and no download is needed."""
EPILOG = "Exit status: 0 done; 1 the plan does not fit into this machine's memory; 2 wrong input."


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--output", metavar="FILE", help="write the JSON to this file, too")
    parser.add_argument(
        "--rounds", type=whole_number(1, 1000), default=5, metavar="N",
        help="number of rounds; each round times a step of every variant (default: 5)",
    )  # fmt: skip
    parser.add_argument(
        "--only",
        nargs="+",
        default=[],
        metavar="NAME",
        help="measure these sections alone; an unknown name prints all names",
    )
    parser.add_argument(
        "--size",
        choices=("real", "tiny"),
        default="real",
        help="sizes of the models: real (the paper's) or tiny (of a test) (default: real)",
    )
    parser.add_argument(
        "--device", choices=("cpu", "cuda"), help="device to measure on (default: the GPU if there is one)"
    )
    parser.add_argument(
        "--plan", action="store_true", help="predict memory and step time of a config, then measure them"
    )
    parser.add_argument("--config-file", metavar="FILE", help=f"config of --plan: {CONFIG}")
    parser.add_argument(
        "--num-classes",
        type=whole_number(1, 10**6),
        default=751,
        metavar="N",
        help="number of identities in the training set of --plan (default: 751)",
    )
    parser.add_argument("opts", nargs=argparse.REMAINDER, help=f"for --plan: {OPTS}")


def run(args: argparse.Namespace) -> int:
    if args.plan and not args.config_file:
        raise InputError("--plan needs --config-file: a path, or a shipped config such as DCAC/ma_ms.yml")
    if not args.plan and (args.config_file or args.opts):
        raise InputError("--config-file and KEY VALUE belong to --plan; the benchmark has its own configs")
    from dcac_fastreid import profiling
    from dcac_fastreid.output_files import check_output_file

    profiling.start_again_with_allocator()
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger(profiling.__name__).setLevel(logging.INFO)
    args.device = as_device(args.device, "--device")
    if args.output is not None:
        check_output_file(args.output, "--output")
    return _plan(args) if args.plan else _measure(args)


def _measure(args: argparse.Namespace) -> int:
    from dcac_fastreid import profiling

    options = [f"--{name} {getattr(args, name)}" for name in ("rounds", "size", "device")]
    options += ["--only", *args.only] if args.only else []
    options += [f"--output {args.output}"] if args.output and not Path(args.output).is_absolute() else []
    command = " ".join([args.typed, *options])
    sizes = profiling.workload(args.size, args.device, configs() / "DCAC")
    results = profiling.benchmark(sizes, rounds=args.rounds, only=args.only, command=command)
    _hand_out(results, profiling.report(results), args.output)
    return 0


def _plan(args: argparse.Namespace) -> int:
    from dcac_fastreid import profiling
    from dcac_fastreid.engine import load_config

    result = profiling.plan(load_config(args.config_file, args.opts), args.num_classes)
    _hand_out(result, profiling.report_plan(result), args.output)
    return 0 if result["fits"] else 1


def _hand_out(results: dict, tables: str, output: str | None) -> None:
    from dcac_fastreid.output_files import write_whole

    text = json.dumps(results, indent=2)
    print(text, flush=True)
    if output:
        write_whole(output, lambda stream: stream.write(f"{text}\n".encode()))
    print(tables, file=sys.stderr)
