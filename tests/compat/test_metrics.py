import pytest
import torch

from dcac_fastreid.compat import metrics
from fastreid.engine.train_loop import SimpleTrainer
from fastreid.utils.events import CommonMetricPrinter, EventStorage


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


@pytest.mark.skipif(torch.cuda.is_available(), reason="on a GPU the patch applies")
def test_without_a_gpu_the_hosts_stays():
    metrics.wait_for_losses()
    assert SimpleTrainer._write_metrics is metrics.host_write_metrics


def print_twice(printer):
    with EventStorage(0) as storage:
        storage.epoch = 0
        storage.iter = 1
        printer.write()
        printer.write()


def test_a_step_is_printed_once(monkeypatch):
    print_twice(CommonMetricPrinter(max_iter=2))
    monkeypatch.setattr(CommonMetricPrinter, "write", metrics.host_print)
    with pytest.raises(ZeroDivisionError):
        print_twice(CommonMetricPrinter(max_iter=2))
