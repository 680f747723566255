"""dcac-fastreid visualize: what a trained run does, as images on one page."""

import argparse
from collections.abc import Callable

from dcac_fastreid.analysis.options import KINDS
from dcac_fastreid.arguments import SEEDS, comma_separated, whole_number
from dcac_fastreid.commands.options import check_file
from dcac_fastreid.commands.train import OPTS

DESCRIPTION = "Draws images of a trained run: PNG files, and one page with all of them, index.html, that opens without other files."
EPILOG = "The options of a kind: visualize KIND --help"
WHAT = {name: kind.what for name, kind in KINDS.items()} | {
    "curves": "losses, learning rate, scores and telemetry of trainings, finished or not",
    "all": "all of these on one page",
}
number = whole_number(0, SEEDS - 1)


def add_options(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(dest="kind", metavar="KIND", required=True)
    for name, what in WHAT.items():
        made = kinds.add_parser(name, help=what, description=f"Shows {what}.")
        made.add_argument(
            "--output",
            default=f"logs/pictures/{name}",
            metavar="DIR",
            help=f"folder for the page and its images (default: logs/pictures/{name})",
        )
        if name == "curves":
            made.add_argument("runs", nargs="+", metavar="RUN", help="a training's folder, such as logs/ma_ms")
            made.set_defaults(config_file="", dataset="", opts=[])
        else:
            _add_options_of_a_checkpoint(made, name)


def _add_options_of_a_checkpoint(parser: argparse.ArgumentParser, name: str) -> None:
    again = "; give it again to show other runs beside it" if name == "all" or KINDS[name].several else ""
    parser.add_argument(
        "--checkpoint",
        required=True,
        action="append",
        metavar="FILE",
        help=f"checkpoint of a run, such as logs/ma_ms/model_final.pth{again}",
    )
    parser.add_argument(
        "--config-file",
        default="",
        metavar="FILE",
        help="config of the run (default: config.yaml beside the checkpoint)",
    )
    parser.add_argument("--dataset", default="", metavar="NAME", help="test set to show (default: the config's first)")
    for keyword, option in KINDS[name].options.items() if name in KINDS else ():
        default = ",".join(map(str, option.default)) if isinstance(option.default, tuple) else option.default
        text = option.what + (f" (default: {default})" if default != "" else "")
        parser.add_argument(
            f"--{keyword}", default=option.default, type=_reader(option.default), metavar=keyword.upper(), help=text
        )
    parser.add_argument("opts", nargs=argparse.REMAINDER, help=OPTS)


def _reader(default) -> Callable:
    """Of an option's text, by the default's type."""
    if isinstance(default, tuple):
        return comma_separated(number if default else str)
    return number if isinstance(default, int) else type(default)


def run(args: argparse.Namespace) -> None:
    for file in getattr(args, "checkpoint", ()):
        check_file(file, "--checkpoint")
    from dcac_fastreid.analysis.kinds import write_images
    from dcac_fastreid.commands.main import as_typed

    page, absent = write_images(
        args.kind,
        args.runs if args.kind == "curves" else args.checkpoint,
        args.output,
        as_typed(args),
        config_file=args.config_file,
        dataset=args.dataset,
        opts=args.opts,
        options={name: getattr(args, name) for name in (KINDS[args.kind].options if args.kind in KINDS else ())},
    )
    print(*absent, page, sep="\n")
