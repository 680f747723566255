"""Importing this package costs next to nothing: PyTorch and fast-reid come when first used, patched and with all registered.

A command's help, a wrong option and a look at a data folder need neither.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

HOST, PACKAGE = "fastreid", __package__
# What of this package imports neither PyTorch nor fast-reid, with all below it; the import of anything else brings them first.
LIGHT = (
    "__main__", "analysis.options", "arguments", "command_line", "commands", "compat", "data", "errors", "experiments.paper",
    "experiments.protocols", "experiments.rows", "helper_processes", "hub", "json_files", "late_host", "names",
    "output_files", "plugin", "shipped", "training_options", "waiting", "warn_once", "wrong_files",
)  # fmt: skip
HEAVY = ("data.loading",)  # what of it does


class _Watch(MetaPathFinder):
    """Sees the first import of fast-reid, or of what needs it."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None):
        """Where this import needs the host: the module that is there by the end. Else None, as a finder that knows nothing."""
        package, _, inner = name.partition(".")
        if name != HOST and (package != PACKAGE or is_light(inner)):
            return None
        load_host()
        module = sys.modules.pop(name, None)  # one that is found there is executed a second time
        return ModuleSpec(name, _AlreadyThere(module)) if module else None


class _AlreadyThere(Loader):
    """Of a module that was imported while it was looked for: puts it back as it is."""

    def __init__(self, module: ModuleType):
        self._module, self._spec = module, module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec


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
        import_module(f"{PACKAGE}.compat").apply()
        import_module(f"{PACKAGE}.plugin")
    except BaseException:
        sys.meta_path.insert(0, _watch)
        raise


def watch_for_host() -> None:
    """From now on; where fast-reid is there already, at once."""
    if _watch not in sys.meta_path:
        sys.meta_path.insert(0, _watch)
    if sys.modules.get(HOST) and PACKAGE + ".plugin" not in sys.modules:
        load_host()


_watch = _Watch()
