"""Options that several commands have."""

import argparse

ENCODER = (
    "an encoder: a file (model_final.pth or encoder.safetensors), a folder that holds one, OWNER/NAME on the Hugging Face hub, or "
    "synthetic, a small encoder that comes with the package and was trained on synthetic images alone"
)


def add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", help="device to compute on, cuda or cpu (default: the GPU if there is one)")


def add_skip_unreadable(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--skip-unreadable", action="store_true", help="leave out photos that cannot be read, instead of stopping"
    )


def add_verbose(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="print all that log.txt gets: environment, config, model"
    )


def add_licenses(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data-license", default="", metavar="TEXT", help="licence of the training data, for card and metadata"
    )
    parser.add_argument(
        "--weights-license",
        default="",
        metavar="TEXT",
        help="licence of the weights, for card and metadata, such as apache-2.0",
    )
