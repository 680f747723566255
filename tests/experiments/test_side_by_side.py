import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest

from dcac_fastreid.experiments.side_by_side import train_side_by_side


def test_an_interrupt_between_a_start_and_its_note_ends_the_process_too(tmp_path, monkeypatch):
    started, start = [], subprocess.Popen

    def start_and_interrupt(*args, **kwargs):
        started.append(start(*args, **kwargs))
        os.kill(os.getpid(), signal.SIGTERM)
        return started[-1]

    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    monkeypatch.setattr(subprocess, "Popen", start_and_interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            next(
                train_side_by_side(
                    [SimpleNamespace(folder=tmp_path)],
                    1,
                    lambda run: [sys.executable, "-c", "import time; time.sleep(600)"],
                )
            )
        assert signal.getsignal(signal.SIGTERM) is signal.default_int_handler
        assert [process.poll() for process in started] == [-signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)
        for process in started:
            process.kill()
