"""Modules that stand for others until something of them is asked for."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType


class LateModule(ModuleType):
    """Stands for a module until something of it is asked for."""

    def __getattr__(self, name: str):
        return getattr(import_module(self.__name__), name)


class LateFunctions(ModuleType):
    """Stands for a module of which names are imported, too: each is a function that calls what the module has by this name."""

    def __getattr__(self, name: str):
        if name.startswith("__"):  # Python asks for some that a module need not have
            raise AttributeError(name)
        return lambda *args, **named: getattr(import_module(self.__name__), name)(*args, **named)


@contextmanager
def in_the_place_of(name: str, stand_in: ModuleType) -> Iterator[None]:
    """Until it ends, `import NAME` gives the stand-in. Where the module is there already, it stays."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = stand_in
    try:
        yield
    finally:
        sys.modules.pop(name, None)
