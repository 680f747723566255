"""The recommended settings are rows that were confirmed, on real data and on the synthetic data set alike."""

from pathlib import Path

import pytest

from dcac_fastreid.experiments.rows import ROWS

CONFIGS = Path(__file__).parent.parent.parent / "configs" / "DCAC"
OF_ROW = {
    "ma_ms": "baseline_no_erasing_interpolated",
    "feedback_ma_ms": "image_cross_view_no_erasing_interpolated",
}


@pytest.mark.parametrize("name", OF_ROW)
def test_the_recommended_settings_are_the_row(load, leaves, name):
    base, recommended = leaves(load("synthetic/ma_ms")), leaves(load(f"synthetic/recommended/{name}"))
    assert {key: value for key, value in recommended.items() if value != base[key]} == {
        **ROWS[OF_ROW[name]].settings,
        "OUTPUT_DIR": f"logs/DCAC/synthetic/recommended/{name}",
    }


@pytest.mark.parametrize("name", OF_ROW)
def test_the_synthetic_form_is_the_same_file_on_the_synthetic_protocol(load, name):
    real, synthetic = (
        [line for line in (CONFIGS / folder / f"recommended/{name}.yml").read_text().splitlines() if line[0] != "#"]
        for folder in ("", "synthetic")
    )
    assert synthetic == [line.replace("logs/DCAC/", "logs/DCAC/synthetic/") for line in real]
    assert load(f"recommended/{name}").SOLVER.INTERPOLATE.ALPHA == 0.7
