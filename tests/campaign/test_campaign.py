"""Bad inputs of every kind end in one sentence: a sample in `make test`, thousands in `make test-slow`."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PARTS = 4


def run(folder: Path, *words: str) -> int:
    """Runs the campaign in a process of its own; how many cases were tried."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        [sys.executable, "-m", "tests.campaign.run", "--folder", str(folder / "campaign"), *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        errors="backslashreplace",
    )
    print(ended.stdout)
    assert ended.returncode == 0, f"{ended.stderr[-12_000:]}\n{ended.stdout}"
    return int(re.search(r"^ +all \| +(\d+)", ended.stdout, re.MULTILINE)[1])


def test_two_cases_of_each_kind(tmp_path):
    assert run(tmp_path, "--count", "26") == 26


@pytest.mark.slow
def test_ten_cases_of_each_kind(tmp_path):
    assert run(tmp_path, "--count", "130") == 130


@pytest.mark.slow
@pytest.mark.timeout(2700)
@pytest.mark.parametrize("part", range(1, PARTS + 1))
def test_thousands(part, tmp_path):
    assert run(tmp_path, "--count", "3600", "--seed", "1", "--part", f"{part}/{PARTS}") >= 3600 // PARTS
