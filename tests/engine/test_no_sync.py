"""A training step asks the device for no number: on a GPU it would wait there for everything before."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from fastreid.utils import events
from fastreid.utils.events import EventStorage


class Asked(TorchDispatchMode):
    """The operations that hand a number of a tensor to Python."""

    def __init__(self):
        super().__init__()
        self.operations = []

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        if operation in (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.nonzero.default):
            self.operations.append(operation)
        return operation(*args, **(kwargs or {}))


def steps(trainer, count):
    """Runs the hooks of the first epoch's start, then steps with their hooks; returns what these asked."""
    with EventStorage(0) as trainer.storage:
        trainer.epoch = trainer.iter = trainer.start_iter = 0
        trainer.before_train()
        trainer.before_epoch()
        with Asked() as asked:
            for trainer.iter in range(count):
                trainer.before_step()
                trainer.run_step()
                trainer.after_step()
        assert len(trainer.storage.history("loss_cls").values()) == count
    return asked.operations


@pytest.mark.parametrize("config", ["ma_ms.yml", "baseline/ma_ms.yml"])
def test_a_step_asks_for_no_number(make_trainer, config):
    assert steps(make_trainer(config), 2) == []


def test_with_the_hosts_storage_it_asks_for_every_loss(make_trainer, monkeypatch):
    """What the test above would see."""
    monkeypatch.setitem(steps.__globals__, "EventStorage", events.EventStorage.__mro__[1])
    assert len(steps(make_trainer("ma_ms.yml"), 1)) == 5  # total, three losses, accuracy


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_on_a_gpu_no_step_waits(make_trainer, dtype):
    trainer = make_trainer("ma_ms.yml", "MODEL.DEVICE", "cuda", "SOLVER.AMP.ENABLED", True, "SOLVER.AMP.DTYPE", dtype)
    steps(trainer, 1)  # generators, kernels and the optimizer's state are made
    torch.cuda.set_sync_debug_mode("error")
    try:
        with EventStorage(0) as trainer.storage:
            trainer.run_step()
    finally:
        torch.cuda.set_sync_debug_mode("default")
