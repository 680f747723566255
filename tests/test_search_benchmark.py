"""benchmarks/search.py, at a small size."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent / "benchmarks" / "search.py"
SIZES = (3000, 20000)


def check(results, printed):
    assert [figures["vectors"] for figures in results] == list(SIZES)
    for figures in results:
        assert {str(queries) for queries in figures["queries"]} == {"1", "200"}
        for found in figures["queries"].values():
            assert found["same_as_a_full_sort"] and found["search_s"] > 0
            assert found["times_the_floor"] == found["search_s"] / found["products_s"]
    assert "20,000" in printed and "exact" in printed


def test_it_measures_and_finds_what_a_full_sort_finds():
    spec = importlib.util.spec_from_file_location("search_benchmark", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    results = [script.measure(size, 64, 2, None) for size in SIZES]
    check(results, script.table(results))


@pytest.mark.slow
def test_the_command_measures_each_size_in_a_process_of_its_own(tmp_path):
    words = ["--vectors", *map(str, SIZES), "--width", "64", "--rounds", "2", "--output", str(tmp_path / "search.json")]
    run = subprocess.run(
        [sys.executable, str(SCRIPT), *words],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(SCRIPT.parent.parent)},
    )
    assert run.returncode == 0, run.stderr
    check(json.loads((tmp_path / "search.json").read_text())["results"], run.stdout)
