"""Importing this package costs next to nothing: PyTorch and fast-reid come when first used, patched and with all registered.

A command's help, a wrong option and a look at a data folder need neither.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from dcac_fastreid.garbage_collection import garbage_collection_paused

HOST, PACKAGE = "fastreid", __package__
# What of this package imports neither PyTorch nor fast-reid, with all below it; the import of anything else brings them first.
LIGHT = (
    "__main__", "analysis.options", "arguments", "garbage_collection", "command_line", "commands", "compat", "data",
    "deploy.encoder_files", "deploy.extractor", "deploy.without_torch", "errors", "experiments.paper",
    "experiments.protocols", "experiments.rows", "file_rows", "helper_processes", "hub", "json_files", "late_host", "lazy_names",
    "names", "output_files", "plugin", "quantities", "shipped", "training_options", "waiting", "warn_once", "wrong_files",
)  # fmt: skip
HEAVY = ("data.loading",)  # what of it does


class _Watch(MetaPathFinder):
    """Sees the first import of fast-reid, or of what needs it; finds what the other finders find."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None):
        package, _, inner = name.partition(".")
        if name != HOST and (package != PACKAGE or not inner or is_light(inner)):
            return None
        for finder in sys.meta_path:
            if finder is not self and (spec := finder.find_spec(name, path, target)):
                spec.loader = spec.loader and _WithHost(spec.loader)
                return spec
        return None


class _WithHost(Loader):
    """Of fast-reid, or of a module that needs it: brings fast-reid first, and the module itself where that did not bring it.

    Not in find_spec: Python's lock of all imports is held there, so that an import in another thread would wait for ever.
    """

    def __init__(self, loader: Loader):
        self._loader, self._there = loader, None

    def __getattr__(self, name: str):
        return getattr(self._loader, name)  # get_code and others, of whom the import itself asks nothing

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        load_host()
        module = sys.modules.get(spec.name)
        if module:
            self._there = module.__spec__
        return module or self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        if self._there:
            module.__spec__ = self._there
            return
        module.__spec__.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)


def is_light(module: str) -> bool:
    """Of a module of this package, or of the package that a light module lies in."""
    holds_light = any(light.startswith(f"{module}.") for light in LIGHT)
    return holds_light or (_lies_in(module, LIGHT) and not _lies_in(module, HEAVY))


def _lies_in(module: str, packages: Sequence[str]) -> bool:
    return any(f"{module}.".startswith(f"{package}.") for package in packages)


def load_host() -> None:
    """Imports fast-reid, patches it, and registers all that this package adds; a second call does nothing.

    Raises: ImportError: fast-reid is not installed; it is asked for again the next time.
    """
    if _watch not in sys.meta_path:
        return
    sys.meta_path.remove(_watch)
    try:
        with garbage_collection_paused():
            import_module(f"{PACKAGE}.compat").apply()
            import_module(f"{PACKAGE}.plugin")
    except BaseException:
        sys.meta_path.insert(0, _watch)
        raise


def watch_for_host() -> None:
    """From now on; where fast-reid is there already, at once."""
    if f"{PACKAGE}.plugin" in sys.modules:
        return
    if _watch not in sys.meta_path:
        sys.meta_path.insert(0, _watch)
    if sys.modules.get(HOST):
        load_host()


_watch = _Watch()
