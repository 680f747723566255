"""What all processes of a machine need is made by one of them (check 10 of DISTRIBUTED.md)."""

import pytest
import torch

from . import jobs
from .processes import in_processes


@pytest.mark.parametrize("free", [None, pytest.param(0, marks=pytest.mark.slow)])
def test_latents_and_pixels_are_made_by_the_first_process(free, tiny_data, tmp_path, monkeypatch):
    monkeypatch.setenv("DCAC_FASTREID_CACHE", str(tmp_path / "cache"))
    opts = ["OUTPUT_DIR", str(tmp_path / "out")]
    first, second = in_processes(2, tmp_path / "results", "made_before_training", str(tiny_data), opts, free)
    assert (first["encoded"], first["decoded"]) == ([48], 48)
    assert (second["encoded"], second["decoded"]) == ([0], 0)
    alone = jobs.made_before_training(str(tiny_data), ["OUTPUT_DIR", str(tmp_path / "alone")])
    assert torch.equal(first["pixels"], second["pixels"]) and torch.equal(first["pixels"], alone["pixels"])
    assert [path.name for path in (tmp_path / "cache").iterdir()].count("latents") == 1
