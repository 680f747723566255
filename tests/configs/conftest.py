"""How the shipped configs are read."""

from collections.abc import Callable

import pytest

import dcac_fastreid
from dcac_fastreid.profiling.build import build


@pytest.fixture
def load(configs) -> Callable:
    """A config by its name below configs/DCAC, without .yml."""
    return lambda name: dcac_fastreid.load_config(str(configs / f"{name}.yml"))


@pytest.fixture(scope="session")
def built() -> Callable:
    """The model of a config on the meta device, made once for all configs that differ in data and output folder alone."""
    models = {}

    def built(cfg, num_classes: int):
        key = (num_classes, *map(str, (cfg.MODEL, cfg.INPUT, cfg.SOLVER)))
        return models[key] if key in models else models.setdefault(key, build(cfg, num_classes))

    return built


@pytest.fixture
def leaves() -> Callable:
    """Every key of a config or yaml tree with its value."""

    def flat(node, prefix=""):
        for key, value in node.items():
            yield from flat(value, f"{prefix}{key}.") if isinstance(value, dict) else [(f"{prefix}{key}", value)]

    return lambda node: dict(flat(node))
