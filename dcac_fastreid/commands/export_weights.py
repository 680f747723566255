"""dcac-fastreid export-weights: the parts of a checkpoint in a folder to share, without pickle."""

import argparse
from collections.abc import Iterable
from pathlib import Path

from dcac_fastreid.commands.options import add_licenses
from dcac_fastreid.commands.train import CONFIG

DESCRIPTION = (
    "Writes the encoder, the ID prompts and the LoRA of a checkpoint, each as .safetensors, with the config that rebuilds the\n"
    "encoder and a card, README.md: a model folder as the Hugging Face hub has them."
)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config-file", required=True, metavar="FILE", help=f"the run's config.yaml; or {CONFIG}")
    parser.add_argument("--output", required=True, metavar="DIR", help="the folder to write to")
    parser.add_argument("--fp16", action="store_true", help="write the encoder's matrices as fp16, in half the size")
    add_licenses(parser)
    parser.add_argument(
        "opts",
        nargs=argparse.REMAINDER,
        help="MODEL.WEIGHTS FILE, the checkpoint to export; other KEY VALUE pairs change the config",
    )


def run(args: argparse.Namespace) -> None:
    from dcac_fastreid.deploy.export.model_folder import share_weights
    from dcac_fastreid.engine import load_config

    exported, absent = share_weights(
        load_config(args.config_file, args.opts), args.output, half=args.fp16,
        data_license=args.data_license, weights_license=args.weights_license,
    )  # fmt: skip
    say_exported(exported, absent)


def say_exported(exported: Iterable[tuple[Path, str]], absent: Iterable[str]) -> None:
    """A line for each file, and the sentences about what was not written."""
    for line in (*(f"{file}: {file.stat().st_size / 1e6:.2f} MB, {what}" for file, what in exported), *absent):
        print(line)
