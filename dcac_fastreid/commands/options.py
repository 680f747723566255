"""Options that several commands have."""

import argparse

ENCODER = (
    "an encoder: a file, model_final.pth or encoder.safetensors; the folder of one; OWNER/NAME on the Hugging Face hub; or "
    "synthetic, a small one that comes with the package and has seen synthetic images alone"
)


def add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", help="cuda or cpu (default: the GPU where there is one)")


def add_skip_unreadable(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--skip-unreadable", action="store_true", help="go on without photos that cannot be read")


def add_verbose(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="show all that log.txt gets: environment, config, model"
    )


def add_licenses(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data-license", default="", metavar="TEXT", help="of the training data, for card and metadata"
    )
    parser.add_argument(
        "--weights-license",
        default="",
        metavar="TEXT",
        help="of the weights, for card and metadata, such as apache-2.0",
    )
