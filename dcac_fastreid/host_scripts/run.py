"""Runs a script as `python SCRIPT` would, but with ours under fast-reid's names."""

import io
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import dcac_fastreid
import fastreid
from dcac_fastreid.compat.faiss_gpu import search_on_the_cpu
from dcac_fastreid.compat.onnx_tools import export_without_optimizers
from dcac_fastreid.compat.script_names import replace_names
from dcac_fastreid.engine.console import console
from dcac_fastreid.errors import InputError
from dcac_fastreid.host_scripts.checkpointer import ScriptCheckpointer
from dcac_fastreid.host_scripts.config import default_config
from dcac_fastreid.host_scripts.launch import launch
from dcac_fastreid.host_scripts.loaders import build_reid_test_loader, build_reid_train_loader
from dcac_fastreid.host_scripts.model import build_model
from dcac_fastreid.host_scripts.predictor import ScriptPredictor
from dcac_fastreid.host_scripts.setup import default_setup
from dcac_fastreid.host_scripts.solver import build_lr_scheduler, build_optimizer
from dcac_fastreid.host_scripts.trainer import ScriptTrainer
from dcac_fastreid.host_scripts.visualizer import ScriptVisualizer

PROCESS = "dcac_fastreid.host_scripts.process"
SCRIPT = "DCAC_FASTREID_SCRIPT"  # environment variable: the path of the script, for the processes that it starts


def run_script(script: str, arguments: Sequence[str]) -> None:
    """Runs a script written for fast-reid; what it raises, sys.exit included, goes through.

    `__name__` is "__main__", sys.argv holds the script and its arguments, sys.path begins with the script's folder, the
    working directory stays. Afterwards all of this, and fast-reid's names, are as they were.

    Raises: InputError: there is no such script, or its name does not end in .py.
    """
    path = Path(script)
    if path.is_dir():
        raise InputError(f"{script} is a folder; name the script in it, such as {path / 'train_net.py'}")
    if not path.is_file():
        raise InputError(f"there is no script {script} in {os.getcwd()}; expected the path of a Python file")
    if path.suffix != ".py":
        raise InputError(f"{script} is no script; expected the path of a Python file, whose name ends in .py")
    main = ModuleType("__main__")
    main.__file__ = os.path.abspath(path)
    main.__spec__ = find_spec(PROCESS)  # what multiprocessing runs in a process that is started by "spawn"
    with io.open_code(main.__file__) as file:
        code = compile(file.read(), main.__file__, "exec")
    with _as_the_program(main, [script, *arguments]), fast_reid_for_scripts():
        exec(code, vars(main))


@contextmanager
def fast_reid_for_scripts() -> Iterator[None]:
    """Until it ends, fast-reid is to who imports from it what scripts need."""
    names = {
        "_C": default_config(),
        "default_setup": default_setup,
        "DefaultTrainer": ScriptTrainer,
        "DefaultPredictor": ScriptPredictor,
        "launch": launch,
        "build_model": build_model,
        "build_optimizer": build_optimizer,
        "build_lr_scheduler": build_lr_scheduler,
        "build_reid_train_loader": build_reid_train_loader,
        "build_reid_test_loader": build_reid_test_loader,
        "Checkpointer": ScriptCheckpointer,
        "Visualizer": ScriptVisualizer,
    }
    level = console.level
    console.setLevel(logging.WARNING)  # a script shows what fast-reid shows
    try:
        with replace_names(names), export_without_optimizers(), search_on_the_cpu():
            yield
    finally:
        console.setLevel(level)


@contextmanager
def _as_the_program(main: ModuleType, argv: list[str]) -> Iterator[None]:
    folder = os.path.dirname(os.path.realpath(main.__file__))
    # Behind all that the script would find: a checkout of ours or of fast-reid in the working directory, for its processes.
    roots = [str(Path(package.__file__).parents[1]) for package in (dcac_fastreid, fastreid)]
    path = [folder, *sys.path[1:]]
    with ExitStack() as stack:
        stack.enter_context(_set(sys, "argv", argv))
        stack.enter_context(_set(sys, "path", path + [root for root in roots if root not in path]))
        before = sys.modules["__main__"]
        stack.callback(sys.modules.__setitem__, "__main__", before)
        sys.modules["__main__"] = main
        os.environ[SCRIPT] = main.__file__
        stack.callback(os.environ.pop, SCRIPT)
        yield


@contextmanager
def _set(owner: object, name: str, value: object) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)
