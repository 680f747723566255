"""docs/design.md, "To add a conditioner": following it to the letter gives one that trains."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.slow
def test_a_conditioner_of_15_lines_trains(tiny_data, tmp_path):
    recipe = (ROOT / "docs" / "design.md").read_text().partition("## To add a conditioner")[2].partition("\n## ")[0]
    file, line = re.findall(r"```(?:python|text)\n(.*?)```", recipe, re.DOTALL)
    assert len([written for written in file.splitlines() if written.strip()]) <= 15
    package = _linked_copy(ROOT / "dcac_fastreid", tmp_path / "dcac_fastreid")
    (package / "conditioners" / "residual.py").write_text(file)
    names = (package / "conditioners" / "__init__.py").read_text()
    (package / "conditioners" / "__init__.py").unlink()  # a link to the real one
    (package / "conditioners" / "__init__.py").write_text(names + line)

    opts = {
        "MODEL.DCAC.CONDITIONER.NAME": "ResidualConditioner",
        "DATASETS.ROOT": tiny_data,
        "SOLVER.IMS_PER_BATCH": 16,
        "SOLVER.MAX_EPOCH": 1,
        "OUTPUT_DIR": tmp_path / "out",
    }
    words = [str(word) for pair in opts.items() for word in pair]
    config = ROOT / "configs" / "DCAC" / "synthetic" / "ma_ms.yml"
    command = [sys.executable, "-m", "dcac_fastreid", "train", "--config-file", str(config), *words]
    run = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout + run.stderr
    metrics = [json.loads(each) for each in (tmp_path / "out" / "metrics.json").read_text().splitlines()]
    assert any("loss_diffusion" in each for each in metrics)


def _linked_copy(folder: Path, copy: Path) -> Path:
    """The folder's files as links, which is fast; its compiled modules too, which Python looks for beside them."""
    for path in folder.rglob("*"):
        if path.is_file():
            to = copy / path.relative_to(folder)
            to.parent.mkdir(parents=True, exist_ok=True)
            to.symlink_to(path)
    return copy
