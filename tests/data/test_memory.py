from pathlib import Path

import pytest

from dcac_fastreid.data import memory
from dcac_fastreid.data.memory import available_memory


def test_memory_is_that_of_the_container(tmp_path, monkeypatch):
    """Files that are kept in memory for reading count as free."""
    machine = available_memory()
    files = [str(tmp_path / name) for name in ("limit", "used", "statistics")]
    monkeypatch.setattr(memory, "CGROUPS", ((*files, "inactive_file"),))

    def limited_to(limit):
        for file, text in zip(files, (limit, "600\n", "anon 550\ninactive_file 50\n"), strict=True):
            Path(file).write_text(text)
        return available_memory()

    assert limited_to("1000\n") == 1000 - 600 + 50
    assert limited_to("max\n") == pytest.approx(machine, rel=0.3)  # other programs move it
