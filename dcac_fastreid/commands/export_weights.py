"""dcac-fastreid export-weights: the parts of a checkpoint in files of their own, without pickle."""

import argparse

from dcac_fastreid.commands.train import CONFIG

DESCRIPTION = "Writes the encoder, the ID prompts and the LoRA of a checkpoint, each as .safetensors."


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config-file", required=True, metavar="FILE", help=f"the run's config.yaml; or {CONFIG}")
    parser.add_argument("--output", required=True, metavar="DIR", help="the folder to write to")
    parser.add_argument("opts", nargs=argparse.REMAINDER, help="MODEL.WEIGHTS FILE, and KEY VALUE ... of the config")


def run(args: argparse.Namespace) -> None:
    from dcac_fastreid.checkpoint.export import export_weights
    from dcac_fastreid.engine import load_config

    exported, absent = export_weights(load_config(args.config_file, args.opts), args.output)
    for file, what in exported:
        print(f"{file}: {file.stat().st_size / 1e6:.2f} MB, {what}")
    print(*absent, sep="\n", end="\n" if absent else "")
