"""What does a training cost before its first step, at the real sizes? Small models, images of the real counts, names and sizes.

    python benchmarks/real_size.py write FOLDER
    python benchmarks/real_size.py measure --data FOLDER --config DCAC/synthetic/ma+d+ms_c3.yml --output benchmarks/real_size.json

The first writes Market1501, DukeMTMC-reID, MSMT17 and CUHK03-NP, 3 GB, of random images. The second starts the training twice, in
a new cache folder and again in the same, up to its first step.
"""

import argparse
import json
import os
import sys
from pathlib import Path

from real_sizes.data_sets import REAL
from real_sizes.report import table
from real_sizes.start import measure
from real_sizes.write import write

from dcac_fastreid.errors import InputError


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar="write|measure")
    writing = commands.add_parser("write", help="writes the data sets; goes on where it was interrupted")
    writing.add_argument("folder", type=Path, metavar="FOLDER", help="data root, for DATASETS.ROOT")
    writing.add_argument("--data-sets", nargs="+", choices=list(REAL), default=list(REAL), help="(default: all)")
    writing.add_argument("--scale", type=float, default=1, help="share of the identities and images (default: 1)")
    writing.add_argument("--seed", type=int, default=0, help="of the images (default: 0)")
    writing.add_argument("--workers", type=int, default=os.cpu_count(), help="processes (default: one a core)")
    writing.set_defaults(run=_write)
    measuring = commands.add_parser("measure", help="measures a training's start, cold and warm")
    measuring.add_argument("--data", type=Path, required=True, metavar="FOLDER", help="that `write` has written")
    measuring.add_argument("--config", required=True, metavar="FILE", help="such as DCAC/synthetic/ms_ma.yml")
    measuring.add_argument("--work", type=Path, metavar="FOLDER", help="for the cache, kept (default: a temporary one)")
    measuring.add_argument("--output", type=Path, metavar="FILE", help="a JSON file of all figures")
    measuring.add_argument("opts", nargs=argparse.REMAINDER, help="KEY VALUE pairs that change the config")
    measuring.set_defaults(run=_measure)
    args = parser.parse_args()
    try:
        args.run(args)
    except InputError as error:
        sys.exit(f"error: {error}")


def _write(args: argparse.Namespace) -> None:
    images = write(args.folder, args.data_sets, scale=args.scale, seed=args.seed, workers=args.workers)
    print(f"{sum(images.values()):,} images in {args.folder}: " + ", ".join(f"{n} {m:,}" for n, m in images.items()))


def _measure(args: argparse.Namespace) -> None:
    figures = measure(args.data, args.config, args.opts, args.work)
    print(table(figures))
    if args.output:
        args.output.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
