"""The words of a small `reproduce`, as a user types them, and the environment of its process."""

import os
import sys
from pathlib import Path


def command(tiny_data, output: Path, *words) -> list[str]:
    """Words that train baseline and DCAC on MA, tiny."""
    tiny = {
        "DATASETS.ROOT": tiny_data, "MODEL.DEVICE": "cpu", "SOLVER.AMP.ENABLED": False, "SOLVER.IMS_PER_BATCH": 16,
        "SOLVER.MAX_EPOCH": 1,
    }  # fmt: skip
    pairs = [str(word) for pair in tiny.items() for word in pair]
    asked = ("--table", "2", "--rows", "baseline,dcac", "--sources", "MA", "--seeds", "1", *words)
    return [sys.executable, "tools/reproduce.py", "--synthetic", "--output", str(output), *asked, *pairs]


def environment(cache) -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "DCAC_FASTREID_CACHE": str(cache)}
