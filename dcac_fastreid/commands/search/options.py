"""Options that several subcommands of `search` have."""

import argparse

from dcac_fastreid.commands.options import add_device
from dcac_fastreid.errors import InputError


def command(commands, run, name: str, help: str) -> argparse.ArgumentParser:
    """A subcommand. Args: run: is called with its options."""
    parser = commands.add_parser(name, help=help, description=f"{help[0].upper()}{help[1:]}.")
    parser.set_defaults(run=run)
    return parser


def add_index(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--index", required=True, metavar="DIR", help="the folder of the index")


def add_encoder(
    parser: argparse.ArgumentParser,
    checkpoint: str = "the encoder of the index; needed only if it is no longer where it was",
) -> None:
    """Args: checkpoint: its help."""
    parser.add_argument("--checkpoint", metavar="ENCODER", help=checkpoint)
    parser.add_argument(
        "--config-file",
        metavar="FILE",
        help="the encoder's config; needed only if the checkpoint neither holds it nor has it beside it",
    )
    add_device(parser)


def encoder_of(args: argparse.Namespace) -> dict:
    """What add_encoder has read, for a call."""
    return {"checkpoint": args.checkpoint, "config_file": args.config_file, "device": args.device}


def add_engine(parser: argparse.ArgumentParser) -> None:
    """What a search of the index takes."""
    parser.add_argument(
        "--prior", type=float, metavar="P",
        help="probability, before the search, that a gallery photo shows the person (default: 1 / (photos + 1))",
    )  # fmt: skip
    parser.add_argument(
        "--milvus", metavar="URL|DIR.db",
        help="search through a Milvus server, http://HOST:PORT, or milvus-lite in this folder (default: exactly, in memory)",
    )  # fmt: skip


def add_detector(parser: argparse.ArgumentParser, *, required: bool, then: str) -> None:
    """Args: then: what is done with whole photos, for the help."""
    parser.add_argument(
        "--detector", metavar="WEIGHTS", required=required,
        help=f"{then}: a file of weights as torchvision publishes it for any of its detectors, such as "
        "fasterrcnn_resnet50_fpn_v2_coco-dd69338a.pth",
    )  # fmt: skip
    parser.add_argument(
        "--detector-threshold", type=float, metavar="SCORE",
        help="score from which on a detection counts as a person (default: 0.5)",
    )  # fmt: skip


def detector_of(args: argparse.Namespace):
    """The PersonDetector of these options, or None. Raises: InputError: a threshold without a detector, or as PersonDetector."""
    if args.detector is None:
        if args.detector_threshold is not None:
            raise InputError("--detector-threshold is that of a detector, and none is named; add --detector WEIGHTS")
        return None
    from dcac_fastreid.deploy.detector import THRESHOLD, PersonDetector

    threshold = THRESHOLD if args.detector_threshold is None else args.detector_threshold
    return PersonDetector(args.detector, args.device, threshold)
