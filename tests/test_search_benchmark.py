"""benchmarks/search.py, at a small size."""

import json
import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parent.parent / "benchmarks" / "search.py"


def test_it_measures_and_finds_what_a_full_sort_finds(tmp_path):
    words = ["--vectors", "3000", "20000", "--width", "64", "--rounds", "2", "--output", str(tmp_path / "search.json")]
    run = subprocess.run(
        [sys.executable, str(SCRIPT), *words],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(SCRIPT.parent.parent)},
    )
    assert run.returncode == 0, run.stderr
    results = json.loads((tmp_path / "search.json").read_text())["results"]
    assert [figures["vectors"] for figures in results] == [3000, 20000]
    for figures in results:
        for queries, found in figures["queries"].items():
            assert found["same_as_a_full_sort"] and found["search_s"] > 0 and queries in ("1", "200")
            assert found["times_the_floor"] == found["search_s"] / found["products_s"]
    assert "20,000" in run.stdout and "exact" in run.stdout
