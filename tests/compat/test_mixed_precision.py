"""Mixed precision on CPU and GPU. B batch 4, D 8."""

import warnings

import pytest
import torch
from torch import nn

from dcac_fastreid.compat.mixed_precision import MixedPrecisionTrainer
from fastreid.engine.hooks import LRScheduler
from fastreid.engine.train_loop import AMPTrainer
from fastreid.utils.events import EventStorage

on_cuda = pytest.param(
    "cuda", marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")]
)


class Model(nn.Module):
    """One linear layer; keeps the type that it computed in."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(8, 8)

    def forward(self, batch):
        features = self.linear(batch)
        self.computed_in = features.dtype
        return {"loss": features.float().square().mean()}


class Batches:
    """Endless equal batches; counts how often they are started."""

    def __init__(self, device):
        self.batch = torch.linspace(-1, 1, 32, device=device).view(4, 8)
        self.started = 0

    def __iter__(self):
        self.started += 1
        while True:
            yield self.batch


class RecordingAdam(torch.optim.Adam):
    """Keeps the gradient that step() reads, where the host clips it."""

    def step(self, closure=None):
        self.seen = self.param_groups[0]["params"][0].grad.clone()
        return super().step(closure)


def make_trainer(device="cpu", trainer_class=MixedPrecisionTrainer, **optimizer_settings):
    torch.manual_seed(0)
    model = Model().to(device)
    optimizer = RecordingAdam(model.parameters(), lr=0.1, **optimizer_settings)
    return trainer_class(model, Batches(device), optimizer, None)


def step(trainer):
    """Largest change of the weight in one step."""
    before = trainer.model.linear.weight.detach().clone()
    with EventStorage(0):
        trainer.iter = 0
        trainer.run_step()
    return (trainer.model.linear.weight - before).abs().max().item()


@pytest.mark.skipif(torch.cuda.is_available(), reason="the host's AMPTrainer works where CUDA is")
@pytest.mark.filterwarnings("ignore:.*torch.cuda.amp.GradScaler")
def test_host_amp_refuses_the_cpu():
    with pytest.raises(AssertionError, match="CUDA is required for AMP training"):
        step(make_trainer(trainer_class=AMPTrainer))


@pytest.mark.parametrize("device", ["cpu", on_cuda])
@pytest.mark.parametrize("dtype", [None, torch.bfloat16, torch.float16])
def test_trains_in_the_chosen_type_without_deprecation(device, dtype):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trainer = make_trainer(device)
        if dtype is not None:
            trainer.set_dtype(dtype)
        assert step(trainer) > 0
    expected = dtype or {"cpu": torch.bfloat16, "cuda": torch.float16}[device]
    assert trainer.model.computed_in == expected
    assert trainer.model.linear.weight.dtype == torch.float32
    assert (trainer.grad_scaler is None) == (expected == torch.bfloat16)


@pytest.mark.parametrize("device", ["cpu", on_cuda])
def test_overflow_skips_the_step_and_lowers_the_scale(device):
    trainer = make_trainer(device)
    trainer.set_dtype(torch.float16)
    trainer.grad_scaler = torch.amp.GradScaler(device, init_scale=2.0**60)
    assert step(trainer) == 0
    assert trainer.grad_scaler.get_scale() == 2.0**59


@pytest.mark.parametrize("fused", [False, True])
def test_optimizer_reads_unscaled_gradients(fused):
    exact = make_trainer()
    exact.model(exact.data_loader.batch)["loss"].backward()
    trainer = make_trainer(fused=fused)
    trainer.set_dtype(torch.float16)
    step(trainer)
    torch.testing.assert_close(trainer.optimizer.seen, exact.model.linear.weight.grad, rtol=1e-2, atol=1e-4)


def test_the_loss_scale_is_read_in_the_warm_up_alone():
    trainer = make_trainer()
    trainer.set_dtype(torch.float16)
    trainer.grad_scaler.get_scale = lambda: read.append(trainer.iter)
    trainer.warmup_iters, read = 2, []
    hook = LRScheduler(trainer.optimizer, {})
    hook.trainer = trainer
    for trainer.iter in range(4):
        hook.before_step()
    assert read == [0, 1]


def test_data_loader_is_started_once():
    trainer = make_trainer()
    trainer.set_dtype(torch.float16)
    step(trainer)
    assert trainer.data_loader.started == 1


def test_other_types_are_refused():
    with pytest.raises(ValueError, match="torch.bfloat16 or torch.float16, got torch.float32"):
        make_trainer().set_dtype(torch.float32)
