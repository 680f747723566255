"""What all processes of a machine need is made by one of them (check 10 of DISTRIBUTED.md)."""

import torch

from . import jobs
from .processes import in_processes


def test_latents_and_pixels_are_made_by_the_first_process_which_decodes_each_image_once(
    tiny_data, tmp_path, monkeypatch
):
    monkeypatch.setenv("DCAC_FASTREID_CACHE", str(tmp_path / "cache"))
    opts = ["OUTPUT_DIR", str(tmp_path / "out")]
    first, second = in_processes(2, tmp_path / "results", "made_before_training", str(tiny_data), opts)
    trained = [path for path in first["decoded"] if "bounding_box_train" in path]
    assert first["encoded"] == [48] and len(trained) == 48
    assert len(set(first["decoded"])) == len(first["decoded"]) > 48  # those of the tests too
    assert second["encoded"] == [0] and second["decoded"] == []
    alone = jobs.made_before_training(str(tiny_data), ["OUTPUT_DIR", str(tmp_path / "alone")])
    assert alone["decoded"] == []
    assert torch.equal(first["pixels"], second["pixels"]) and torch.equal(first["pixels"], alone["pixels"])
    kept = sorted(path.name for path in (tmp_path / "cache").rglob("*.pixels"))
    assert len(kept) == 1 and kept[0].startswith("train-128x64-")  # the views are gone when their latents are made
