"""The one table of what a start consists of: pass -> the functions that do it. What is not in it is the rest.

A function is MODULE:NAME, or MODULE:CLASS.NAME. A function that is no more there is not measured, which the report says.
"""

import functools
import importlib
import sys
from collections.abc import Callable, Iterable

PASSES = {
    "lists": (
        "dcac_fastreid.data.readers.read_dataset:read_dataset",
        "dcac_fastreid.data.readers.dg_datasets:NamedFilesDataset.__init__",
    ),
    "data checks": ("dcac_fastreid.data.checks.check_datasets:check_datasets",),
    "hashes and pixels": ("dcac_fastreid.data.checks.leakage:check_leakage",),
    "model on trial": ("dcac_fastreid.engine.trial_model:check_model",),
    "model": (
        "dcac_fastreid.engine.trainer:DCACTrainer.build_model",
        "dcac_fastreid.engine.trainer:DCACTrainer.build_optimizer",
    ),
    "pixels": ("dcac_fastreid.data.loading.kept_pixels:make_pixels",),
    "latents": ("dcac_fastreid.diffusion.latent_cache:LatentCache.fill",),
    "prototypes": ("dcac_fastreid.engine.hooks:PrototypeReset.before_epoch",),
    "first step": ("dcac_fastreid.engine.trainer:DCACTrainer.run_step",),
}
IMPORTS, REST = "imports", "rest"  # of modules, whenever; what is in no pass
READ_LISTS = "dcac_fastreid.data.readers.dg_datasets:NamedFilesDataset.__init__"  # once for each reading of a data set
FIRST_STEP = "first step"


def missing() -> list[str]:
    """Of the passes' functions those that this version of the package does not have."""
    return [name for functions in PASSES.values() for name in functions if _found(name) is None]


def replace(name: str, wrap: Callable[[Callable], Callable]) -> None:
    """Puts wrap(function) in the function's place, wherever a module has imported it; nothing where it is missing."""
    if (found := _found(name)) is None:
        return
    holder, attribute, function = found
    bare = function.__func__ if isinstance(function, classmethod | staticmethod) else function
    wrapped = functools.wraps(bare)(wrap(bare))
    setattr(holder, attribute, type(function)(wrapped) if bare is not function else wrapped)
    for module in _ours():
        for alias, value in list(vars(module).items()):
            if value is bare:
                setattr(module, alias, wrapped)


def _found(name: str) -> tuple[object, str, Callable] | None:
    """The module or class that has the function, its name there, and the function as it is stored."""
    module, _, path = name.partition(":")
    *classes, attribute = path.split(".")
    try:
        holder = functools.reduce(getattr, classes, importlib.import_module(module))
    except (ImportError, AttributeError):
        return None
    return (holder, attribute, vars(holder)[attribute]) if attribute in vars(holder) else None


def _ours() -> Iterable[object]:
    return [module for name, module in list(sys.modules.items()) if name.split(".")[0] == "dcac_fastreid"]
