"""fast-reid's command line, of a training or a test: can it be meant so? Asked before PyTorch is imported, which takes seconds."""

import argparse
import re

from dcac_fastreid.errors import InputError
from dcac_fastreid.shipped import config_path


def check_options(args: argparse.Namespace) -> None:
    """Raises: InputError: no config is named, or none of that name is there; options that do not go together."""
    if not args.config_file and not args.opts:
        raise InputError(
            "no config is named; add --config-file DCAC/ma_ms.yml, say, or DCAC/synthetic/ma_ms.yml, which "
            "needs no data and no weights"
        )
    if args.resume and args.eval_only:
        raise InputError("--resume goes on with a training, --eval-only tests a checkpoint; leave one of them out")
    first = str(args.opts[0]) if args.opts else ""
    if args.resume and (len(args.opts) % 2 or "/" in first) and not re.fullmatch(r"[A-Z0-9_.]+", first):
        raise InputError(
            f"--resume takes no path, got {first!r}: it goes on with the run in OUTPUT_DIR; write OUTPUT_DIR and the run's "
            "folder behind the options"
        )
    with_config_path(args)


def with_config_path(args: argparse.Namespace) -> argparse.Namespace:
    """fast-reid's command line with the path of its --config-file in the place of a shipped config's name."""
    file = getattr(args, "config_file", "")
    return argparse.Namespace(**vars(args) | {"config_file": str(config_path(file))}) if file else args
