"""dcac-fastreid convert: a checkpoint that others released."""

import argparse
import os
from pathlib import Path

from dcac_fastreid.arguments import as_path, whole_number
from dcac_fastreid.commands.options import check_file
from dcac_fastreid.commands.train import CONFIG
from dcac_fastreid.errors import InputError
from dcac_fastreid.output_files import check_output_file

DESCRIPTION = (
    "Converts a checkpoint that DCAC's authors or CLIP-ReID released to one that this package tests and trains on from.\n"
    "It reads no data."
)
FORMATS = ("dcac", "clip-reid")  # of checkpoint/released_formats.py, which brings PyTorch
LARGEST_SIDE = 8192  # of checkpoint/released.py


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--input", required=True, metavar="FILE", help="the released checkpoint")
    parser.add_argument("--output", required=True, metavar="FILE", help="the checkpoint to write")
    parser.add_argument(
        "--format",
        choices=("auto", *FORMATS),
        default="auto",
        help="whose format the input has; auto recognises it (default: auto)",
    )
    parser.add_argument(
        "--image-size",
        type=whole_number(1, LARGEST_SIDE),
        nargs=2,
        default=(256, 128),
        metavar=("H", "W"),
        help="size of the images that it was trained on, height and width (default: 256 128)",
    )
    parser.add_argument(
        "--config-file",
        default="",
        metavar="FILE",
        help=f"config of the checkpoint: {CONFIG}; the output then also holds the encoder's config, so that FeatureExtractor, "
        "search and export need no other file",
    )
    parser.add_argument(
        "--training-side",
        action="store_true",
        help="also take the trained parts of the diffusion model (LoRA, q, k, v biases, the condition's transform), to train on "
        "from the output or to look at its diffusion model; its configs are those in DCAC/authors",
    )


def run(args: argparse.Namespace) -> None:
    if os.path.realpath(as_path(args.input, "--input")) == os.path.realpath(as_path(args.output, "--output")):
        raise InputError(f"--output is the --input, {args.input}; name another file")
    check_file(args.input, "--input")
    check_output_file(args.output, "--output")
    from dcac_fastreid.checkpoint import encoder_config, released
    from dcac_fastreid.engine import load_config

    cfg = load_config(args.config_file, ["MODEL.DEVICE", "cpu"]) if args.config_file else None
    conversion = released.convert(
        args.input, image_size=tuple(args.image_size), format=args.format, training_side=args.training_side
    )
    if cfg and args.training_side:
        released.check_training_side(conversion, cfg)
    released.save(conversion, args.output, encoder_config(cfg) if cfg else "")
    before, after = Path(args.input).stat().st_size, Path(args.output).stat().st_size
    print(f"{conversion.report()}\n{args.output}: {after / 1e6:.1f} MB of {before / 1e6:.1f} MB")
    print(f"test it with: dcac-fastreid test --config-file {args.config_file or 'FILE'} MODEL.WEIGHTS {args.output}")
