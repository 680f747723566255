"""dcac-fastreid interpolate: encoders between two others."""

import argparse
import shlex

from dcac_fastreid.commands.train import CONFIG, OPTS

DESCRIPTION = (
    "Writes checkpoints whose encoder lies between the pre-trained one (or another one) and a trained one:\n"
    "encoder = start + alpha (trained - start), with the BNNeck's statistics estimated again on the source's images."
)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config-file", required=True, metavar="FILE", help=f"the run's config.yaml; or {CONFIG}")
    parser.add_argument(
        "--checkpoint", required=True, metavar="FILE", help="checkpoint of the trained encoder (alpha 1)"
    )
    parser.add_argument(
        "--start",
        default="",
        metavar="FILE",
        help="checkpoint of the encoder at alpha 0 (default: the encoder that the run began with)",
    )
    parser.add_argument(
        "--alpha", required=True, metavar="ALPHA,...", help="values of alpha from 0 to 1; each makes a checkpoint"
    )
    parser.add_argument(
        "--output", required=True, metavar="DIR", help="the folder for the checkpoints, interpolated_ALPHA.pth"
    )
    parser.add_argument("opts", nargs=argparse.REMAINDER, help=OPTS)


def run(args: argparse.Namespace) -> None:
    from dcac_fastreid.engine import load_config
    from dcac_fastreid.engine.interpolated_files import interpolate_checkpoint

    cfg = load_config(args.config_file, args.opts)
    files = interpolate_checkpoint(cfg, args.checkpoint, args.alpha.split(","), args.output, start=args.start)
    for file in files:
        print(f"{file}: {file.stat().st_size / 1e6:.1f} MB")
    test = shlex.join(["--config-file", args.config_file, "MODEL.WEIGHTS", str(files[0])])
    print(f"test it with: dcac-fastreid test {test}")
