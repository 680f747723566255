"""How the shipped configs are read."""

from collections.abc import Callable

import pytest

import dcac_fastreid


@pytest.fixture
def load(configs) -> Callable:
    """A config by its name below configs/DCAC, without .yml."""
    return lambda name: dcac_fastreid.load_config(str(configs / f"{name}.yml"))


@pytest.fixture
def leaves() -> Callable:
    """Every key of a config or yaml tree with its value."""

    def flat(node, prefix=""):
        for key, value in node.items():
            yield from flat(value, f"{prefix}{key}.") if isinstance(value, dict) else [(f"{prefix}{key}", value)]

    return lambda node: dict(flat(node))
