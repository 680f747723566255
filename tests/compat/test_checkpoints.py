"""When the host saves."""

import pytest

from dcac_fastreid.compat import checkpoints
from fastreid.utils.checkpoint import PeriodicCheckpointer


class Names(list):
    """A checkpointer that keeps the names of what it would save."""

    def save(self, name, **state):
        self.append(name)


def saved(period, epochs=3):
    names = Names()
    checkpointer = PeriodicCheckpointer(names, period, max_epoch=epochs)
    for epoch in range(epochs):
        checkpointer.step(epoch, metric=-1)
    return names


def test_checkpoint_period_0_saves_the_last_epoch_alone(monkeypatch):
    assert saved(0) == ["model_final"]
    assert saved(2) == ["model_0001", "model_final"]
    monkeypatch.setattr(PeriodicCheckpointer, "__init__", checkpoints.host_init)
    assert saved(2) == ["model_0001", "model_final"]
    with pytest.raises(ZeroDivisionError):
        saved(0)
