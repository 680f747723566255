"""Options that several commands have, and what can be said of them before PyTorch is imported, which takes seconds."""

import argparse
import os
import re

from dcac_fastreid.arguments import as_path, shown_value
from dcac_fastreid.deploy.encoder_files import check_name
from dcac_fastreid.errors import InputError, each_alone
from dcac_fastreid.names import printable

ENCODER = (
    "an encoder: a file (model_final.pth or encoder.safetensors), a folder that holds one, OWNER/NAME on the Hugging Face hub, or "
    "synthetic, a small encoder that comes with the package and was trained on synthetic images alone"
)


def add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", help="device to compute on, cuda or cpu (default: the GPU if there is one)")


def check_device(name: str | None) -> None:
    """Raises: InputError: --device can be no device's name."""
    if name is not None and not re.fullmatch(r"cpu|cuda(:\d+)?", name):
        raise InputError(f"the device is {shown_value(name)}; expected cuda or cpu")


def check_encoder(name: str | None) -> None:
    """Raises: InputError: --checkpoint can be no encoder's name."""
    if name is not None:
        check_name(name)


def check_file(path: str, option: str) -> None:
    """Raises: InputError: the file that an option names is not there."""
    if not os.path.lexists(as_path(path, option)):
        raise InputError(f"{option}: there is no file {printable(path)}; check the name")


def check_one_process(otherwise: str) -> None:
    """Raises: InputError: a launcher (torchrun) has started this command several times, and each would do the whole work.

    Args: otherwise: see `each_alone`.
    """
    started = os.environ.get("WORLD_SIZE", "")
    if started.isdecimal() and int(started) > 1:
        raise each_alone(started, otherwise)


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
