"""Measures speed and memory of this package on this machine, or predicts them for a config.

python tools/benchmark.py [--output FILE] [--rounds N] [--only NAME ...] [--size real|tiny] [--device cpu|cuda]
python tools/benchmark.py --plan --config-file FILE [--num-classes N] [--output FILE] [KEY VALUE ...]

JSON on standard output and in FILE; tables and progress on standard error. No downloads, no data sets, random weights.
Status 1: the plan does not fit into this machine's memory. 2: wrong input.
"""

import argparse
import json
import logging
import sys
from pathlib import Path

import dcac_fastreid  # first: it makes fast-reid importable, and an import that is interrupted quiet

# isort: split

import torch

from dcac_fastreid import profiling
from dcac_fastreid.arguments import as_device, whole_number
from dcac_fastreid.errors import InputError
from dcac_fastreid.output_files import check_output_file, write_whole

CONFIGS = Path(__file__).parent.parent / "configs" / "DCAC"


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Speed and memory of this package on this machine")
    parser.add_argument("--output", metavar="FILE", help="writes the JSON here too")
    parser.add_argument("--rounds", type=whole_number(1, 1000), default=5, help="of the variants that are compared")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help=", ".join(profiling.SECTIONS))
    parser.add_argument("--size", choices=("real", "tiny"), default="real", help="the paper's sizes, or a test's")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--plan", action="store_true", help="memory and step time of a config, predicted and measured")
    parser.add_argument("--config-file", metavar="FILE", help="of the plan")
    parser.add_argument(
        "--num-classes", type=whole_number(1, 10**6), default=751, help="identities of the plan's training set"
    )
    parser.add_argument("opts", nargs=argparse.REMAINDER, help="KEY VALUE ... of the plan, as in tools/train_net.py")
    args = parser.parse_args()
    if args.plan and not args.config_file:
        raise InputError("--plan needs --config-file; the shipped ones are in configs/DCAC")
    if not args.plan and (args.config_file or args.opts):
        raise InputError("--config-file and KEY VALUE belong to --plan; the benchmark has its own configs")
    as_device(args.device, "--device")
    if args.output is not None:
        check_output_file(args.output, "--output")
    return args


def measure(args: argparse.Namespace) -> int:
    options = [f"--{name} {getattr(args, name)}" for name in ("rounds", "size", "device")]
    options += ["--only", *args.only] if args.only else []
    options += [f"--output {args.output}"] if args.output and not Path(args.output).is_absolute() else []
    command = " ".join(["python tools/benchmark.py", *options])
    sizes = profiling.workload(args.size, args.device, CONFIGS)
    results = profiling.benchmark(sizes, rounds=args.rounds, only=args.only, command=command)
    hand_out(results, profiling.report(results), args.output)
    return 0


def plan(args: argparse.Namespace) -> int:
    result = profiling.plan(dcac_fastreid.load_config(args.config_file, args.opts), args.num_classes)
    hand_out(result, profiling.report_plan(result), args.output)
    return 0 if result["fits"] else 1


def hand_out(results: dict, tables: str, output: str | None) -> None:
    text = json.dumps(results, indent=2)
    print(text, flush=True)
    if output:
        write_whole(output, lambda stream: stream.write(f"{text}\n".encode()))
    print(tables, file=sys.stderr)


if __name__ == "__main__":
    profiling.start_again_with_allocator()
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger(profiling.__name__).setLevel(logging.INFO)
    with dcac_fastreid.one_sentence_errors():
        arguments = parse()
        sys.exit(plan(arguments) if arguments.plan else measure(arguments))
