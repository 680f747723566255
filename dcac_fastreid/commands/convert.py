"""dcac-fastreid convert: a checkpoint that others released."""

import argparse
import os
from pathlib import Path

from dcac_fastreid.arguments import as_path, whole_number
from dcac_fastreid.commands.export_weights import say_exported
from dcac_fastreid.commands.options import add_licenses, check_file
from dcac_fastreid.commands.train import CONFIG
from dcac_fastreid.errors import InputError
from dcac_fastreid.hub import FILE_SUFFIXES
from dcac_fastreid.output_files import check_output_file

DESCRIPTION = (
    "Converts a checkpoint that DCAC's authors or CLIP-ReID released: to one that this package tests and trains on from, or to\n"
    "a model folder to share. It reads no data."
)
FORMATS = ("dcac", "clip-reid")  # of checkpoint/released_formats.py, which brings PyTorch
LARGEST_SIDE = 8192  # of checkpoint/released.py
CHECKPOINT = ".pth"  # how --output ends where it is no folder


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--input", required=True, metavar="FILE", help="the released checkpoint")
    parser.add_argument(
        "--output",
        required=True,
        metavar="FILE.pth|DIR",
        help="the checkpoint to write; or a folder for the encoder without pickle, its config and a card, as export-weights "
        "writes it, which needs --config-file",
    )
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
    add_licenses(parser)


def run(args: argparse.Namespace) -> None:
    file, output = as_path(args.input, "--input"), as_path(args.output, "--output")
    if os.path.realpath(file) == os.path.realpath(output):
        raise InputError(f"--output is the --input, {args.input}; name another file")
    is_folder = _is_folder(args)
    check_file(args.input, "--input")
    from dcac_fastreid.checkpoint import released
    from dcac_fastreid.engine import load_config

    if is_folder:
        from dcac_fastreid.deploy.export.model_folder import check_shared

        check_shared(output, file)
    cfg = load_config(args.config_file, ["MODEL.DEVICE", "cpu"]) if args.config_file else None
    conversion = released.convert(
        args.input, image_size=tuple(args.image_size), format=args.format, training_side=args.training_side
    )
    if cfg and args.training_side:
        released.check_training_side(conversion, cfg)
    (_write_folder if is_folder else _write_checkpoint)(conversion, cfg, args)


def _is_folder(args: argparse.Namespace) -> bool:
    """Whether --output is a folder to make. Raises InputError: neither that nor a checkpoint, or other options do not fit it."""
    output = Path(args.output)
    if output.suffix == CHECKPOINT or (output.exists() and not output.is_dir()):
        check_output_file(output, "--output")
    if output.suffix == CHECKPOINT:
        if args.data_license or args.weights_license:
            raise InputError(
                f"--data-license and --weights-license are for the card of a model folder, which {output} does not get; give a "
                "folder as --output, or leave them out"
            )
        return False
    if output.suffix in FILE_SUFFIXES or output.is_file():
        raise InputError(
            f"--output is {output}; expected a file that ends in {CHECKPOINT}, or a folder, such as weights/dcac_ma_ms"
        )
    if not args.config_file:
        raise InputError(
            f"--output is the folder {output}, and a model folder needs the config that rebuilds its encoder; add --config-file, "
            f"such as DCAC/ma_ms.yml, or name a file that ends in {CHECKPOINT}"
        )
    return True


def _write_folder(conversion, cfg, args: argparse.Namespace) -> None:
    from dcac_fastreid.deploy.export.model_folder import share_conversion

    licenses = {"data_license": args.data_license, "weights_license": args.weights_license}
    exported, absent = share_conversion(conversion, Path(args.input), cfg, args.output, **licenses)
    print(conversion.report())
    say_exported(exported, absent)
    _say_test(args, exported[0].file)


def _write_checkpoint(conversion, cfg, args: argparse.Namespace) -> None:
    from dcac_fastreid.checkpoint import encoder_config, released

    released.save(conversion, args.output, encoder_config(cfg) if cfg else "")
    before, after = Path(args.input).stat().st_size, Path(args.output).stat().st_size
    print(f"{conversion.report()}\n{args.output}: {after / 1e6:.1f} MB of {before / 1e6:.1f} MB")
    _say_test(args, args.output)


def _say_test(args: argparse.Namespace, weights: str | Path) -> None:
    print(f"test it with: dcac-fastreid test --config-file {args.config_file or 'FILE'} MODEL.WEIGHTS {weights}")
