"""dcac-fastreid model-stats: parameters and FLOPs (Table 6)."""

import argparse
import json

from dcac_fastreid.arguments import whole_number
from dcac_fastreid.commands.train import CONFIG, OPTS

DESCRIPTION = "Prints parameters and FLOPs of a config as JSON (Table 6). Needs no weights and no data."


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config-file", required=True, metavar="FILE", help=CONFIG)
    parser.add_argument(
        "--num-classes",
        required=True,
        type=whole_number(1, 10**6),
        metavar="N",
        help="number of identities in the training set; 751 for Market1501",
    )
    parser.add_argument("opts", nargs=argparse.REMAINDER, help=OPTS)


def run(args: argparse.Namespace) -> None:
    from dcac_fastreid.engine import load_config
    from dcac_fastreid.profiling import model_stats

    print(json.dumps(model_stats(load_config(args.config_file, args.opts), args.num_classes), indent=2))
