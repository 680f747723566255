"""Public names of a package, whose modules are imported when a name is first used: most of them bring PyTorch."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy_names(package: str, modules: Mapping[str, str]) -> tuple[list[str], Callable[[str], Any]]:
    """A package's __all__ and __getattr__.

    Args:
        package: its __name__.
        modules: public name -> the module below the package that has it.
    """

    def get(name: str) -> Any:
        if name in modules:
            return getattr(import_module(f"{package}.{modules[name]}"), name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return sorted(modules), get
