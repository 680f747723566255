"""Extraction is timed as a test computes features, in each precision that a test may have on the device."""

import torch
from torch.nn.modules.module import register_module_forward_pre_hook

from dcac_fastreid.profiling import extraction


def test_every_precision_is_measured_as_a_test_computes(tiny, monkeypatch):
    computed, timed = [], extraction.timed

    def noting(function, device):
        seconds = timed(function, device)
        computed.append(seconds)
        return seconds

    monkeypatch.setattr(extraction, "PRECISIONS", {"cpu": ("fp32", "bf16")})
    monkeypatch.setattr(extraction, "timed", noting)
    reduced = []

    def note(module, _):
        if isinstance(module, torch.nn.Linear):
            reduced.append(torch.is_autocast_enabled("cpu"))

    watching = register_module_forward_pre_hook(note)
    try:
        figures = extraction.time_extraction(tiny, rounds=1)
    finally:
        watching.remove()
    assert list(figures) == ["fp32", "bf16"] and len(computed) == 2
    assert reduced == sorted(reduced) and set(reduced) == {False, True}  # first all of fp32, then all of bf16
    for precision, seconds in zip(figures, computed, strict=True):
        assert figures[precision]["images_per_s"] == tiny.extracted * tiny.steps / seconds
