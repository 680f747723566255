"""Options that several commands have."""

import argparse


def add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", help="cuda or cpu (default: the GPU where there is one)")


def add_skip_unreadable(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--skip-unreadable", action="store_true", help="go on without photos that cannot be read")


def add_verbose(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="show all that log.txt gets: environment, config, model"
    )
