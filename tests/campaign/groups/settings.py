"""Settings: every config key with odd values, on the command line and in a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..case import ROOT, Case
from ..ground import BASELINE, DCAC, training
from .values import IN_YAML, ON_THE_COMMAND_LINE

LONG = {"SOLVER.MAX_EPOCH"}  # large values of these are good ones
LARGE = ("1e10", "99999999999999999999", "0x10", "0o17")
RUNNER = ROOT / "tests" / "like_fast_reid" / "tools" / "train_net.py"


def keys() -> list[str]:
    """Of fast-reid and ours, with their sections."""
    import dcac_fastreid

    return sorted(_flat(dcac_fastreid.load_config("", ["MODEL.DEVICE", "cpu"])))


def cases() -> Iterator[Case]:
    for key in keys():
        config = DCAC if key.startswith("MODEL.DCAC") else BASELINE
        for value in ON_THE_COMMAND_LINE:
            if key in LONG and value in LARGE:
                continue
            yield Case("settings", f"{key} {value[:40]!r}", training(config, "out", key, value))
        for value in IN_YAML:
            if key in LONG and value in LARGE:
                continue
            text = f"_BASE_: {config}\n{_nested(key, value)}"
            for door, words in (
                ("settings in a file", training("odd.yml", "out")),
                ("settings of a script", ("-m", str(RUNNER), *training("odd.yml", "out")[1:])),
            ):
                yield Case(door, f"{key}: {value[:40]!r}", words, _written(text))


def _written(text: str):
    def arrange(ground):
        (ground.own / "odd.yml").write_text(text)

    return arrange


def _nested(key: str, value: str) -> str:
    *sections, last = key.split(".")
    lines = [f"{'  ' * depth}{section}:" for depth, section in enumerate(sections)]
    return "\n".join([*lines, f"{'  ' * len(sections)}{last}: {value}"]) + "\n"


def _flat(tree: Mapping, prefix: str = "") -> Iterator[str]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield f"{prefix}{name}"
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"
