"""What is logged of a step, and that it is logged once."""

import pytest
import torch

from dcac_fastreid.compat import metrics
from fastreid.engine.hooks import PeriodicWriter
from fastreid.engine.train_loop import SimpleTrainer, TrainerBase
from fastreid.utils.events import CommonMetricPrinter, EventStorage, EventWriter, get_event_storage


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_logged_losses_are_those_of_the_step():
    trainer = object.__new__(SimpleTrainer)
    loss = torch.zeros((), device="cuda")
    torch.cuda.synchronize()
    torch.cuda._sleep(500_000_000)  # the loss is still to be computed when it is asked for
    loss += 3
    with EventStorage(0) as storage:
        trainer._write_metrics({"loss": loss}, 0.0)
        assert storage.latest()["total_loss"][0] == 3


def test_the_losses_of_a_step_are_logged_with_their_sum():
    trainer = object.__new__(SimpleTrainer)
    with EventStorage(0) as storage:
        trainer._write_metrics({"loss_cls": torch.tensor(2.0), "loss_pcl": torch.tensor(0.5)}, 0.125)
        logged = {name: value for name, (value, _) in storage.latest().items()}
    assert logged == {"data_time": 0.125, "total_loss": 2.5, "loss_cls": 2.0, "loss_pcl": 0.5}


class Steps(TrainerBase):
    """One epoch of as many steps as asked for, printed every `period` steps and at its end."""

    def __init__(self, steps, period=200):
        super().__init__()
        self.iters_per_epoch = self.max_iter = steps
        self.printed = []
        self.register_hooks([PeriodicWriter([CommonMetricPrinter(steps), Record(self.printed)], period)])

    def run_step(self):
        pass


class Record(EventWriter):
    def __init__(self, steps):
        self.steps = steps

    def write(self):
        self.steps.append(get_event_storage().iter)


@pytest.mark.parametrize("steps, period, written", [(1, 200, [0]), (2, 200, [1]), (5, 2, [1, 3, 4]), (4, 2, [1, 3])])
def test_a_step_is_written_once(steps, period, written):
    trainer = Steps(steps, period)
    trainer.train(0, 1, steps)
    assert trainer.printed == written


def test_host_divides_by_zero_in_a_run_of_two_steps(monkeypatch):
    monkeypatch.setattr(PeriodicWriter, "after_step", metrics.host_after_step)
    with pytest.raises(ZeroDivisionError):
        Steps(2).train(0, 1, 2)
