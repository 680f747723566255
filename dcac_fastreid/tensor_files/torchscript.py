"""The state dict of a TorchScript archive, from the attributes of its objects; its code is read as text, and never run."""

import re
from typing import NamedTuple

from dcac_fastreid.tensor_files.archive import Archive
from dcac_fastreid.tensor_files.values import Skipped, TensorClaim

PREFIX = "__torch__."  # of the names of an archive's classes
MOST_TEXT = 1 << 20  # bytes of code that are looked at
# Letters of all names together, and so many more for every module: two names for one module, again and again within each
# other, make more modules than there is time.
MOST_LETTERS, OF_A_MODULE = 8 << 20, 20
CLASS = re.compile(r"^class (\w+)(\(Module\))?:\n((?:  __parameters__ = \[.*\]\n)?(?:  __buffers__ = \[.*\]\n)?)", re.M)


class _Class(NamedTuple):
    """weights: its parameters and buffers; other tensors are attributes, which are no part of a state dict."""

    is_module: bool
    weights: frozenset[str]


def state_dict(root: Skipped, archive: Archive) -> dict[str, TensorClaim]:
    """As torch.jit.load(...).state_dict(), of claims.

    Args: root: the archive's object.
    Raises: ValueError: a class keeps its weights in a form that only its code can read.
    """
    return _Reader(archive).below(root, "")


class _Reader:
    def __init__(self, archive: Archive):
        self._archive, self._texts, self._left = archive, {}, MOST_TEXT
        self._letters = MOST_LETTERS

    def below(self, module: Skipped, prefix: str) -> dict[str, TensorClaim]:
        known = self._class(module.what)
        if known is not None and not known.is_module:
            return {}
        if not isinstance(module.state, dict):
            raise ValueError(
                f"it is a TorchScript archive whose class {module.what} keeps its weights in a form that only its own code can "
                "read, which is not run"
            )
        weights = {}
        self._pay(OF_A_MODULE + len(prefix) * len(module.state) + sum(map(len, module.state)))
        for name, value in module.state.items():
            if isinstance(value, TensorClaim) and (known is None or name in known.weights):
                weights[prefix + name] = value
            elif isinstance(value, Skipped) and value.what.startswith(PREFIX):
                weights |= self.below(value, f"{prefix}{name}.")
        return weights

    def _pay(self, letters: int) -> None:
        self._letters -= letters
        if self._letters < 0:
            raise ValueError("its modules and their names are more than any model has")

    def _class(self, what: str) -> _Class | None:
        """What the text of a class says of it; None where it is too long to be looked at."""
        module, _, name = what.rpartition(".")
        if module not in self._texts:
            self._texts[module] = self._classes(f"code/{module.replace('.', '/')}.py")
        return self._texts[module].get(name)

    def _classes(self, record: str) -> dict[str, _Class]:
        text = self._archive.text(record, self._left)  # raises where it is missing
        self._left -= len(text)
        return {
            name: _Class(bool(module), frozenset(re.findall(r'"([^"]+)"', weights)))
            for name, module, weights in CLASS.findall(text)
        }
