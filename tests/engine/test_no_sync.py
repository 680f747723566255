"""A training step asks the device for no number: on a GPU it would wait there for everything before."""

import sys

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from fastreid.utils import events
from fastreid.utils.events import EventStorage


class Asked(TorchDispatchMode):
    """The operations and methods that hand numbers of a tensor to Python; of a CPU's tensors, PyTorch dispatches not all."""

    METHODS = ("item", "tolist", "cpu", "numpy", "__array__", "__bool__", "__int__", "__float__")

    def __init__(self):
        super().__init__()
        self.asked = []
        self._patch = pytest.MonkeyPatch()

    def __enter__(self):
        for name in self.METHODS:
            self._patch.setattr(torch.Tensor, name, self._noting(name, getattr(torch.Tensor, name)))
        return super().__enter__()

    def __exit__(self, *error):
        self._patch.undo()
        return super().__exit__(*error)

    def _noting(self, name, method):
        def noting(tensor, *args, **kwargs):
            if not sys._getframe(1).f_code.co_filename.endswith(
                "augmentation_draws.py"
            ):  # on the CPU, whatever the device
                self.asked.append(name)
            return method(tensor, *args, **kwargs)

        return noting

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        if operation in (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.nonzero.default):
            self.asked.append(operation)
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
    return asked.asked


@pytest.mark.parametrize(
    "ask",
    [
        float,
        bool,
        np.asarray,
        lambda tensor: tensor.tolist(),
        lambda tensor: tensor.cpu(),
        lambda tensor: tensor.numpy(),
        lambda tensor: tensor.nonzero(),
    ],
)
def test_whoever_asks_is_noticed(ask):
    with Asked() as asked:
        ask(torch.ones(()))
    assert asked.asked


@pytest.mark.parametrize("config", ["ma_ms.yml", "baseline/ma_ms.yml", "plus/ma_ms/view_camera.yml"])
def test_a_step_asks_for_no_number(make_trainer, config):
    assert steps(make_trainer(config), 2) == []


def test_with_the_hosts_storage_it_asks_for_every_loss(make_trainer, monkeypatch):
    """What the test above would see."""
    monkeypatch.setitem(steps.__globals__, "EventStorage", events.EventStorage.__mro__[1])
    assert steps(make_trainer("ma_ms.yml"), 1).count("__float__") == 5  # total, three losses, accuracy


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
