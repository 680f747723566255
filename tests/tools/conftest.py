import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def run_tool(monkeypatch, capsys):
    """Runs tools/NAME.py in this process; returns its exit status and what it wrote to both streams."""

    def run_tool(name: str, *arguments) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *map(str, arguments)])
        status = 0
        try:
            runpy.run_path(str(ROOT / "tools" / f"{name}.py"), run_name="__main__")
        except SystemExit as stopped:
            status = stopped.code or 0
        written = capsys.readouterr()
        return status, written.out + written.err

    return run_tool
