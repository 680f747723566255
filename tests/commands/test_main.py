"""The commands: named, light until they run, and with the choices of what they call."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from dcac_fastreid.checkpoint import released
from dcac_fastreid.commands import convert, export
from dcac_fastreid.commands.main import COMMANDS
from dcac_fastreid.commands.search import calibrate
from dcac_fastreid.deploy import pixels
from dcac_fastreid.deploy.export import onnx_file, plain_files, reduced
from dcac_fastreid.deploy.export.consumers.known import CONSUMERS
from dcac_fastreid.deploy.search import stated_rate

ROOT = Path(__file__).parent.parent.parent
HEAVY = ("torch", "torchvision", "fastreid", "numpy", "PIL", "matplotlib", "sklearn")
# Words -> exit status.
QUICK = {
    "": 2, "--help": 0, "--version": 0, "nothing": 2, "reproduce --list": 0, "reproduce --table 2 --seeds 0": 2,
    "search query --help": 0,
    "reproduce --table 99": 2, "reproduce --table 2 --data-seeds 1": 2, "convert --input a --output a": 2,
    "search index --checkpoint nope --gallery . --index i": 2, "features --checkpoint nope --input . --output o": 2,
    "features --checkpoint nope --input . --output o --device cdua": 2, "export --checkpoint nope.pth --output o": 2,
    "visualize ranked-lists --checkpoint nope": 2, "model-stats --config-file nope --num-classes 2": 2,
    "train": 2, "train --config-file none.yml": 2, "test --resume": 2, "visualize grad-cam --help": 0,
    "export --format nothing": 2, "run": 2,
    **{f"{name} --help": 0 for name in COMMANDS}, **{f"{name} --no-such-option": 2 for name in COMMANDS},
}  # fmt: skip


def test_help_and_wrong_options_import_no_heavy_library():
    """All in one process, a fork each: as `python -m dcac_fastreid WORDS`."""
    code = f"""
import os, sys
from dcac_fastreid.commands.main import main
for words, status in {QUICK!r}.items():
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(1, 2)
        try:
            main(words.split())
        except SystemExit as stopped:
            os._exit(99 if {set(HEAVY)!r} & set(sys.modules) else stopped.code or 0)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert ended == status, (words, ended)
"""
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr


def test_check_data_imports_neither_pytorch_nor_fast_reid(tiny_data):
    code = f"""
import sys
from dcac_fastreid.commands.main import main
try:
    main(["check-data", {str(tiny_data)!r}])
except SystemExit as stopped:
    assert stopped.code == 0
assert "PIL" in sys.modules and not {{"torch", "torchvision", "fastreid"}} & set(sys.modules)
"""
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert finished.returncode == 0 and "Training can start." in finished.stdout, finished.stderr


def test_the_package_as_a_program_and_its_version():
    said = subprocess.run([sys.executable, "-m", "dcac_fastreid", "--version"], capture_output=True, text=True)
    assert said.stdout.startswith("dcac_fastreid 0.") and said.returncode == 0


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_what_main_asks_of_it(name):
    module = import_module(f"dcac_fastreid.commands.{COMMANDS[name][0]}")
    assert module.DESCRIPTION and callable(module.add_options) and callable(module.run)


def test_choices_are_those_of_what_is_called():
    assert convert.FORMATS == tuple(released.FORMATS) and convert.LARGEST_SIDE == released.LARGEST_SIDE
    assert export.FORMATS == tuple(plain_files.FORMATS)
    assert (export.INSIDE, export.OUTSIDE) == (pixels.INSIDE, pixels.OUTSIDE)
    assert (export.FP32, export.FP16, export.INT8) == (reduced.FP32, reduced.FP16, reduced.INT8)
    assert export.CONSUMERS == tuple(CONSUMERS)
    assert (export.OPSET, export.HIGHEST_OPSET) == (onnx_file.OPSET, onnx_file.HIGHEST_OPSET)
    assert calibrate.DEFAULT_RATE == stated_rate.DEFAULT_RATE


def test_train_has_fast_reids_options_and_defaults():
    import argparse

    from dcac_fastreid.commands import train
    from fastreid.engine import default_argument_parser

    ours = argparse.ArgumentParser()
    train.add_options(ours)
    options = vars(ours.parse_args([]))
    assert options.pop("verbose") is options.pop("dry_run") is False
    theirs = vars(default_argument_parser().parse_args([]))
    theirs["dist_url"] = "auto"  # fast-reid's is one port for all runs of a user, at which the second one fails
    assert options == theirs


def test_every_command_but_run_is_a_tool():
    tools = "".join(path.read_text() for path in (ROOT / "tools").glob("*.py"))
    assert [name for name in COMMANDS if f'run_tool("{name}")' not in tools] == ["test"]
