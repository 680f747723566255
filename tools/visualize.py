"""Draws pictures of a trained run: PNG files, and one page with all of them, index.html, that needs nothing else.

python tools/visualize.py KIND --checkpoint logs/ma_ms/model_final.pth [--output DIR] [KEY VALUE ...]
python tools/visualize.py curves logs/ma_ms
"""

import argparse
import shlex
import sys
from collections.abc import Callable

import dcac_fastreid  # first: it makes fast-reid importable
from dcac_fastreid.analysis.kinds import KINDS, write_pictures
from dcac_fastreid.arguments import SEEDS, comma_separated, whole_number

number = whole_number(0, SEEDS - 1)


def reader(default) -> Callable:
    """Of an option's text, by the default's type."""
    if isinstance(default, tuple):
        return comma_separated(number if default else str)
    return number if isinstance(default, int) else type(default)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Pictures of a trained run: PNG files, and index.html with all of them",
        epilog="options of a kind: tools/visualize.py KIND --help",
    )
    kinds = parser.add_subparsers(dest="kind", metavar="KIND", required=True)
    everything = {name: kind.what for name, kind in KINDS.items()}
    everything |= {"curves": "losses, learning rate, scores and telemetry of trainings, finished or not"}
    everything |= {"all": "all of these on one page"}
    for name, what in everything.items():
        made = kinds.add_parser(name, help=what, description=what)
        made.add_argument(
            "--output",
            default=f"logs/pictures/{name}",
            metavar="DIR",
            help=f"the page's folder (default: logs/pictures/{name})",
        )
        if name == "curves":
            made.add_argument("runs", nargs="+", metavar="RUN", help="a training's folder, such as logs/ma_ms")
            made.set_defaults(config_file="", dataset="", opts=[])
            continue
        again = "; again for runs to show beside it" if name == "all" or KINDS[name].several else ""
        made.add_argument(
            "--checkpoint",
            required=True,
            action="append",
            metavar="FILE",
            help=f"logs/ma_ms/model_final.pth, say{again}",
        )
        made.add_argument("--config-file", default="", metavar="FILE", help="(default: config.yaml beside it)")
        made.add_argument("--dataset", default="", metavar="NAME", help="test set (default: the config's first)")
        for option, default in KINDS[name].defaults.items() if name in KINDS else ():
            shown = ",".join(map(str, default)) if isinstance(default, tuple) else default
            text = KINDS[name].options[option] + (f" (default: {shown})" if shown != "" else "")
            made.add_argument(f"--{option}", default=default, type=reader(default), metavar=option.upper(), help=text)
        made.add_argument("opts", nargs=argparse.REMAINDER, help="KEY VALUE ... as in tools/train_net.py")
    return parser.parse_args()


def main(args: argparse.Namespace) -> None:
    page, absent = write_pictures(
        args.kind,
        args.runs if args.kind == "curves" else args.checkpoint,
        args.output,
        shlex.join(["python", "tools/visualize.py", *sys.argv[1:]]),
        config_file=args.config_file,
        dataset=args.dataset,
        opts=args.opts,
        options={name: getattr(args, name) for name in (KINDS[args.kind].options if args.kind in KINDS else ())},
    )
    print(*absent, page, sep="\n")


if __name__ == "__main__":
    with dcac_fastreid.one_sentence_errors():
        main(parse())
