"""What fast-reid's own import statements need. Imports no part of fast-reid but its version."""

import collections
import collections.abc
import sys
import types


def require_host() -> None:
    """Raises one sentence when fast-reid itself is missing; what else is missing is left to its own error.

    Not a patch of a host line: the wheel pins torch==1.13.1, so pip cannot install it as a dependency of this package.
    """
    try:
        # The name, not only the package: a folder `fastreid` without code (a clone's parent on the path) imports too.
        from fastreid import __version__  # noqa: F401
    except ImportError as error:
        if error.name != "fastreid":
            raise
        message = "fast-reid is not installed: run `pip install --no-deps fastreid==1.4.0`."
        raise ImportError(message, name="fastreid") from None


def restore_collections_mapping() -> None:
    """fastreid/data/build.py:12 and evaluation/testing.py:5 do `from collections import Mapping`.

    Python >= 3.10: ImportError: cannot import name 'Mapping' from 'collections'.
    """
    if not hasattr(collections, "Mapping"):
        collections.Mapping = collections.abc.Mapping


def restore_torch_six() -> None:
    """fastreid/data/build.py:11 of the wheel does `from torch._six import string_classes`.

    PyTorch >= 2.0: ModuleNotFoundError: No module named 'torch._six'. The repository's newest commit asks no longer there, but
    its projects/FastFace/fastface/utils_amp.py:10 does `from torch._six import container_abcs`.
    """
    try:
        import torch._six  # noqa: F401
    except ModuleNotFoundError:
        sys.modules["torch._six"] = types.ModuleType("torch._six")
        sys.modules["torch._six"].string_classes = (str,)
        sys.modules["torch._six"].container_abcs = collections.abc
