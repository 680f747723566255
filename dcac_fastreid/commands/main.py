"""dcac-fastreid COMMAND: which commands are there, and which one is meant?

A command's module has DESCRIPTION and EPILOG, add_options(parser), and run(args), whose result is the exit status. args.typed is
the command as it was typed, up to its own options.
"""

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import dcac_fastreid
from dcac_fastreid.commands.options import check_device
from dcac_fastreid.errors import InputError
from dcac_fastreid.shipped import config_path

# Name -> its module here, and what it does, in a line.
COMMANDS = {
    "train": ("train", "trains a model from a config file"),
    "test": ("test", "tests a checkpoint on a config's test sets"),
    "demo": ("demo", "trains and tests on a small synthetic data set, in minutes: no data, no weights, no GPU"),
    "search": ("search", "searches photos of people for the person on another photo"),
    "features": ("features", "writes the features of all photos in a folder, for NumPy and pandas"),
    "export": ("export", "writes a trained encoder as ONNX, as torch.export's .pt2, and as a folder to share"),
    "export-weights": ("export_weights", "writes encoder, ID prompts and LoRA of a checkpoint as a folder to share"),
    "check-data": (
        "check_data",
        "says what is in a folder of data sets, what is wrong with it, and if a training can start",
    ),
    "visualize": ("visualize", "draws images of a trained run, on one page"),
    "reproduce": ("reproduce", "trains the runs that a table of the paper still needs, and makes the table"),
    "interpolate": ("interpolate", "writes encoders between the pre-trained encoder and a trained one"),
    "convert": ("convert", "converts a checkpoint that DCAC's authors or CLIP-ReID released"),
    "benchmark": ("benchmark", "measures speed and memory on this machine, or predicts them for a config"),
    "model-stats": ("model_stats", "prints parameters and FLOPs of a config"),
}
SCRIPT = "run"  # of fast-reid
USAGE = """\
usage: {prog} COMMAND [OPTIONS]
       {prog} run SCRIPT.py [ARGS]      (or without "run": what ends in .py is a script)

Person re-identification with DCAC, trained by feedback from a diffusion model, as a plugin for fast-reid.

{commands}
  {run:<15} runs a script written for fast-reid, with this plugin in it

Options of a command: {prog} COMMAND --help. Version: {prog} --version."""


def main(arguments: Sequence[str] | None = None, prog: str = "dcac-fastreid") -> None:
    """Ends the process, with the command's status."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    with dcac_fastreid.one_sentence_errors():
        if not arguments or arguments[0] in ("-h", "--help", "help"):
            print(usage(prog), file=sys.stdout if arguments else sys.stderr)
            sys.exit(0 if arguments else 2)
        if arguments[0] in ("--version", "-V"):
            print(f"dcac_fastreid {dcac_fastreid.__version__}")
            sys.exit(0)
        name, *rest = arguments
        if name == SCRIPT or name.endswith(".py"):
            script("run", rest if name == SCRIPT else arguments, prog)
        elif name in COMMANDS:
            run(name, rest, f"{prog} {name}")
        else:
            raise InputError(
                f"there is no command {name!r}; known are {', '.join([*COMMANDS, SCRIPT])}, and scripts that end in .py"
            )


def usage(prog: str) -> str:
    lines = [f"  {name:<15} {what}" for name, (_, what) in COMMANDS.items()]
    return USAGE.format(prog=prog, commands="\n".join(lines), run=f"{SCRIPT} SCRIPT")


def run(name: str, arguments: Sequence[str], typed: str) -> None:
    """Reads a command's options and runs it; ends the process."""
    command = import_module(f"dcac_fastreid.commands.{COMMANDS[name][0]}")
    parser = argparse.ArgumentParser(
        prog=typed,
        description=command.DESCRIPTION,
        epilog=getattr(command, "EPILOG", None),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_options(parser)
    args = parser.parse_args(arguments)
    args.typed, args.arguments = typed, list(arguments)
    if getattr(args, "config_file", ""):
        config_path(args.config_file)  # it is there, or the shipped one of that name
    check_device(getattr(args, "device", None))
    sys.exit(command.run(args) or 0)


def as_typed(args: argparse.Namespace) -> str:
    """The whole command, to be typed again."""
    return f"{args.typed} {shlex.join(args.arguments)}".rstrip()


def script(name: str, arguments: Sequence[str], prog: str) -> None:
    """Runs a script written for fast-reid."""
    command = import_module(f"dcac_fastreid.commands.{name}")
    command.run(arguments, f"{prog} {name}")


def run_tool(name: str) -> None:
    """What tools/*.py are: the command, called by the path of the file."""
    with dcac_fastreid.one_sentence_errors():
        run(name, sys.argv[1:], f"python {tool_path()}")


def tool_path() -> str:
    """The tool as it was typed, if it was typed from the clone; else tools/NAME.py."""
    return os.path.join("tools", Path(sys.argv[0]).name)
