"""Configs of the levers beyond the paper: each is its protocol and what its file name says, and its synthetic form the same."""

from pathlib import Path

import pytest
import yaml

CONFIGS = Path(__file__).parent.parent.parent / "configs" / "DCAC"
# Name -> the protocol it builds on, and what it sets.
LEVERS = {
    "interpolated": ("ma_ms", {"SOLVER.INTERPOLATE.ALPHA": 0.7}),
    "averaged": ("ma_ms", {"SOLVER.EMA.EPOCHS": 3.0}),
    "baseline_interpolated": ("baseline/ma_ms", {"SOLVER.INTERPOLATE.ALPHA": 0.7}),
    "baseline_averaged": ("baseline/ma_ms", {"SOLVER.EMA.EPOCHS": 3.0}),
    "baseline_no_erasing": ("baseline/ma_ms", {"INPUT.REA.ENABLED": False}),
}


@pytest.mark.parametrize("folder", ["", "synthetic/"])
def test_there_are_these_files(folder):
    found = {file.stem for file in (CONFIGS / f"{folder}plus/ma_ms").iterdir()}
    assert found >= LEVERS.keys()


@pytest.mark.parametrize("folder", ["", "synthetic/"])
@pytest.mark.parametrize("name", LEVERS)
def test_a_config_is_its_protocol_and_what_its_file_name_says(load, leaves, folder, name):
    protocol, said = LEVERS[name]
    cfg, base = leaves(load(f"{folder}plus/ma_ms/{name}")), leaves(load(folder + protocol))
    assert {key: value for key, value in cfg.items() if value != base[key]} == {
        **said,
        "OUTPUT_DIR": f"logs/DCAC/{folder}plus/ma_ms/{name}",
    }
    own = yaml.safe_load((CONFIGS / f"{folder}plus/ma_ms/{name}.yml").read_text())
    assert own.pop("_BASE_") == f"../../{protocol}.yml"
    assert leaves(own).keys() == {*said, "OUTPUT_DIR"}


@pytest.mark.parametrize("name", LEVERS)
def test_its_synthetic_form_is_the_same_file_on_the_synthetic_protocol(name):
    real, synthetic = (
        (CONFIGS / f"{folder}plus/ma_ms/{name}.yml").read_text().splitlines() for folder in ("", "synthetic/")
    )
    assert real[0].endswith("MA -> MS; not in the paper.")
    assert synthetic[0] == f"# As ../../../plus/ma_ms/{name}.yml, on the synthetic data set."
    assert synthetic[1:] == [line.replace("logs/DCAC/", "logs/DCAC/synthetic/") for line in real[1:]]


def test_by_default_no_lever_is_on(load, leaves):
    keys = {key for _, said in LEVERS.values() for key in said}
    assert {key: leaves(load("ma_ms"))[key] for key in keys} == {
        "SOLVER.INTERPOLATE.ALPHA": 1.0,
        "SOLVER.EMA.EPOCHS": 0.0,
        "INPUT.REA.ENABLED": True,
    }
