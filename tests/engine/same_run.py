"""Did two runs end alike, to the bit?"""

import json
from pathlib import Path

import torch

from dcac_fastreid.checkpoint.run_state import CLOCK


def metrics(folder: Path) -> list[dict]:
    """The lines of metrics.json without the clock."""
    lines = [json.loads(line) for line in (folder / "metrics.json").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key not in CLOCK} for line in lines]


def differences(one, other, where: str = "") -> list[str]:
    """Where two trees of dicts, lists, tensors and numbers differ."""
    if isinstance(one, torch.Tensor):
        return [] if isinstance(other, torch.Tensor) and torch.equal(one, other) else [where]
    if isinstance(one, dict) and isinstance(other, dict):
        keys = one.keys() ^ other.keys()
        found = [f"{where}.{key}" for key in keys]
        return found + [at for key in one.keys() - keys for at in differences(one[key], other[key], f"{where}.{key}")]
    if isinstance(one, list | tuple) and isinstance(other, list | tuple) and len(one) == len(other):
        return [at for n, pair in enumerate(zip(one, other, strict=True)) for at in differences(*pair, f"{where}[{n}]")]
    return [] if one == other else [where]


def assert_same(folder: Path, unbroken: Path) -> None:
    ends = [torch.load(path / "model_final.pth") for path in (folder, unbroken)]
    assert differences(*ends) == []
    assert metrics(folder) == metrics(unbroken)
    best = "model_best.pth"
    assert (folder / best).exists() == (unbroken / best).exists()
    if (folder / best).exists():
        one, other = (torch.load(path / best) for path in (folder, unbroken))
        assert one["metric"] == other["metric"] and differences(one["model"], other["model"]) == []
