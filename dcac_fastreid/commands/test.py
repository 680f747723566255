"""dcac-fastreid test: a training's test alone."""

import argparse

from dcac_fastreid.commands import train

DESCRIPTION = "Tests the checkpoint MODEL.WEIGHTS on a config's test sets, DATASETS.TESTS."
EPILOG = """\
example:
  dcac-fastreid test --config-file DCAC/synthetic/ma_ms.yml MODEL.WEIGHTS logs/DCAC/synthetic/ma_ms/model_final.pth"""


def add_options(parser: argparse.ArgumentParser) -> None:
    train.add_common_options(parser)
    parser.set_defaults(eval_only=True, resume=False)


def run(args: argparse.Namespace) -> None:
    train.run(args)
