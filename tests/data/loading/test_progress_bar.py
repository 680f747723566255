"""Bars of a training are shown by one process alone."""

import io
import sys

import pytest
import torch
from torch.utils.data import DataLoader

from dcac_fastreid.data.loading.loaders import ProgressLoader
from dcac_fastreid.data.loading.progress_bar import progress_bar
from dcac_fastreid.engine.hooks import EpochProgress
from fastreid.utils import comm


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Steps:
    """What EpochProgress reads of a trainer when an epoch begins."""

    iter, epoch, max_epoch = 0, 0, 2
    epoch_steps = type("", (), {"of": lambda self, epoch: 5})()


def an_epoch_begins():
    hook = EpochProgress()
    hook.trainer = Steps()
    hook.before_train()
    hook.before_epoch()
    hook._bar.close()


BARS = {
    "a step": an_epoch_begins,
    "a pass": lambda: list(ProgressLoader(DataLoader(torch.zeros(2)), "a pass")),
    "any": lambda: list(progress_bar(range(3), desc="any")),
}


@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize("bar", BARS)
def test_of_two_processes_the_main_one_alone_has_a_bar(bar, rank, monkeypatch):
    monkeypatch.setattr(comm, "get_rank", lambda: rank)
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    BARS[bar]()
    assert bool(terminal.getvalue()) == (rank == 0)


def test_without_a_terminal_there_is_no_bar(monkeypatch):
    monkeypatch.setattr(sys, "stderr", written := io.StringIO())
    list(progress_bar(range(3)))
    assert written.getvalue() == ""
