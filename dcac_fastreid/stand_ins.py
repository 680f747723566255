"""Modules that stand for others until something of them is asked for."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType


class _StandIn(ModuleType):
    def __getattr__(self, name: str):
        if name.startswith("__"):  # Python and `inspect` ask every module for some that it need not have
            raise AttributeError(name)
        return self._of_module(name)

    def _of_module(self, name: str):
        _remove(self)
        return getattr(import_module(self.__name__), name)


class LateModule(_StandIn):
    """Stands for a module until something of it is asked for."""


class LateFunctions(_StandIn):
    """Stands for a module of which names are imported, too: each is a function that calls what the module has by this name."""

    def _of_module(self, name: str) -> Callable:
        return lambda *args, **named: super(LateFunctions, self)._of_module(name)(*args, **named)


@contextmanager
def in_the_place_of(name: str, stand_in: ModuleType) -> Iterator[None]:
    """Until it ends, `import NAME` gives the stand-in. Where the module is there already, it stays.

    Meanwhile nothing that lies inside of the module can be imported, which is a ModuleNotFoundError.
    """
    if name in sys.modules:
        yield
        return
    sys.modules[name] = stand_in
    try:
        yield
    finally:
        _remove(stand_in)


def _remove(stand_in: ModuleType) -> None:
    """Does nothing where the module itself has come by now."""
    if sys.modules.get(stand_in.__name__) is stand_in:
        del sys.modules[stand_in.__name__]
