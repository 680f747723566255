import logging
import runpy
import sys
from pathlib import Path

import pytest

from fastreid.utils.logger import setup_logger

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def run_tool(monkeypatch, capfd):
    """Runs tools/NAME.py in this process; returns its exit status and what it wrote to both streams."""

    def run_tool(name: str, *arguments) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *map(str, arguments)])
        status = 0
        try:
            runpy.run_path(str(ROOT / "tools" / f"{name}.py"), run_name="__main__")
        except SystemExit as stopped:
            status = stopped.code or 0
        written = capfd.readouterr()
        return status, written.out + written.err

    return run_tool


@pytest.fixture
def train_net(run_tool, monkeypatch):
    """train_net(*arguments): `run_tool` of tools/train_net.py, with loggers that write to the streams of this run."""

    def train_net(*arguments) -> tuple[int, str]:
        logging.getLogger("fastreid").handlers.clear()  # they write to the streams of the run before
        setup_logger.cache_clear()
        monkeypatch.setattr(logging, "raiseExceptions", False)  # diffusers' logger keeps its stream
        return run_tool("train_net", *arguments)

    return train_net
