"""A step that could not be recorded as a CUDA graph has no figures, neither in the results, nor in a table, nor under a bar."""

import pytest

from dcac_fastreid.profiling import report
from dcac_fastreid.profiling.bars import check_bars
from dcac_fastreid.profiling.repeated_step import RepeatedStep
from dcac_fastreid.profiling.training import NOT_RECORDED, Training, _time_recorded

STEP = {
    "step_s": {"median": 0.03, "min": 0.03, "max": 0.03}, "images_per_s": 2000.0, "parts_s": None, "launches": 900,
    "peak_memory_gib": 10.0, "flops_batch_64": 9e12, "share_of_matrix_rate": 0.3,
}  # fmt: skip
RECORDED = {key: STEP[key] for key in ("step_s", "images_per_s", "parts_s", "launches", "peak_memory_gib")}


def results(graph, recorded):
    return {
        "settings": {"precision": "bf16", "batch": 64, "rounds": 2, "device": "cuda", "size": "real"},
        "machine": {"gpu": "some GPU"},
        "versions": {"torch": "2"},
        "date": "2026-01-01T00:00",
        "seconds": 60.0,
        "training": {"+bf16": STEP, "+graph": graph, "+compile": STEP, "baseline": {**STEP, "recorded": recorded}},
        "extraction": {precision: {"images_per_s": rate, "batch": 512} for precision, rate in (("fp32", 1e3), ("bf16", 9e3))},
        "bars": [],
    }  # fmt: skip


def test_a_failed_recording_is_no_figure(tiny, monkeypatch):
    monkeypatch.setattr(RepeatedStep, "capture", lambda step: False)
    monkeypatch.setattr(RepeatedStep, "time", lambda *args, **kwargs: pytest.fail("timed all the same"))
    assert _time_recorded(tiny, Training(tiny, "baseline/ma_ms"), rounds=1) == ({"left_out": NOT_RECORDED}, [])


def test_its_row_says_so_and_no_bar_takes_it():
    failed = {"left_out": NOT_RECORDED}
    measured = results(failed, failed)
    rows = {line.split("  ")[0]: line for line in report(measured).splitlines()}
    assert NOT_RECORDED in rows["+graph"] and NOT_RECORDED in rows["baseline, recorded"]
    assert NOT_RECORDED not in rows["baseline"] and "900" in rows["baseline"]
    bars = {bar["name"]: bar for bar in check_bars(measured)}
    assert bars["step of DCAC with LoRA, batch 64"]["measured"] == pytest.approx(30)
    assert bars["peak memory of DCAC with LoRA, batch 64"]["note"] == "not measured here"


def test_recorded_steps_have_rows_and_extraction_a_line_for_each_precision():
    text = report(results(STEP, {**RECORDED, "step_s": {"median": 0.007}}))
    assert "baseline, recorded  0.007" in text and "extraction, bf16: 9000 images/s at batch 512" in text
