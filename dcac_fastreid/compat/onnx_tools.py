"""What fast-reid's ONNX export imports besides onnx."""

import logging
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

logger = logging.getLogger("fastreid.dcac")


class EveryPass:
    """The passes of an optimizer that runs none."""

    def __contains__(self, name: str) -> bool:
        return True


def get_available_passes() -> EveryPass:
    return EveryPass()


def optimize(model, passes=None, **_):
    logger.warning("onnxoptimizer is not installed: the model stays as PyTorch has exported it")
    return model


def simplify(model, *_, **__):
    """The model, and True: nothing was changed, so nothing can differ."""
    logger.warning("onnxsim is not installed: the model is not simplified")
    return model, True


STAND_INS = {
    "onnxoptimizer": {"get_available_passes": get_available_passes, "optimize": optimize},
    "onnxsim": {"simplify": simplify},
}


@contextmanager
def export_without_optimizers() -> Iterator[None]:
    """Until it ends, onnxoptimizer and onnxsim can be imported; where one is not installed, it changes nothing and says so.

    tools/deploy/onnx_export.py:14 imports both before it does anything: ModuleNotFoundError. PyTorch >= 2.9 optimizes what
    it exports itself; what they would add is speed and size, not another result.
    """
    missing = [name for name in STAND_INS if name not in sys.modules and find_spec(name) is None]
    for name in missing:
        sys.modules[name] = types.ModuleType(name)
        vars(sys.modules[name]).update(STAND_INS[name])
    try:
        yield
    finally:
        for name in missing:
            del sys.modules[name]
