import pytest
import torch

from dcac_fastreid.compat import metrics
from fastreid.engine.train_loop import SimpleTrainer
from fastreid.utils.events import EventStorage


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
