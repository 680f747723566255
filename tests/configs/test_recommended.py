"""The recommended settings are a variant that was confirmed, on real data and on the synthetic data set alike."""

from pathlib import Path

import pytest

from dcac_fastreid.experiments.rows import ROWS

CONFIGS = Path(__file__).parent.parent.parent / "configs" / "DCAC"
ROW = "baseline_no_erasing_interpolated"


@pytest.mark.parametrize("folder", ["", "synthetic/"])
def test_the_recommended_settings_are_the_variant(load, leaves, folder):
    base, recommended = leaves(load(f"{folder}ma_ms")), leaves(load(f"{folder}recommended/ma_ms"))
    assert {key: value for key, value in recommended.items() if value != base[key]} == {
        **ROWS[ROW].settings,
        "OUTPUT_DIR": f"logs/DCAC/{folder}recommended/ma_ms",
    }


def test_the_synthetic_form_is_the_same_file_on_the_synthetic_protocol():
    real, synthetic = (
        [line for line in (CONFIGS / folder / "recommended/ma_ms.yml").read_text().splitlines() if line[0] != "#"]
        for folder in ("", "synthetic")
    )
    assert synthetic == [line.replace("logs/DCAC/", "logs/DCAC/synthetic/") for line in real]
