import re
import shutil
from pathlib import Path

import pytest
import torch

from .case import Case, command


@pytest.fixture
def data_root(tiny_data, tmp_path) -> Path:
    return shutil.copytree(tiny_data, tmp_path / "data_root")


@pytest.fixture
def stops(train_net, data_root, tmp_path):
    """Asserts that the script says a case's sentence, exits with status 2 and leaves nothing half-written."""

    def stops(case: Case) -> None:
        if case.without_gpu and torch.cuda.is_available():
            pytest.skip("right input on a machine with a GPU")
        if case.arrange:
            case.arrange(tmp_path, data_root)
        status, written = train_net(*command(case, tmp_path, data_root))
        assert status == 2, written
        assert "Traceback" not in written
        errors = [line for line in written.splitlines() if line.startswith("error: ")]
        assert len(errors) == 1, written
        message = written[written.index(errors[0]) :].strip()
        assert "\n" not in message or "missing:\n" in message, "one line, or the list of all that is missing"
        assert re.search(case.message.replace("{tmp}", re.escape(str(tmp_path))), message), message
        assert list(tmp_path.rglob("*.unfinished")) == []
        assert case.starts or not (tmp_path / "out").exists()

    return stops
