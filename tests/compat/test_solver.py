"""The optimizer of the host's trainer changes the weights. B batch 4, D 8."""

import pytest
import torch
from torch import nn

from dcac_fastreid.config.host_keys import OPTIMIZERS
from fastreid.engine.defaults import DefaultTrainer
from fastreid.engine.train_loop import SimpleTrainer
from fastreid.solver import build_optimizer
from fastreid.utils.events import EventStorage


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(8, 8)
        self.norm = nn.BatchNorm1d(8)
        self.out = nn.Linear(8, 3)
        self.frozen = nn.Linear(8, 8).requires_grad_(False)

    def forward(self, batch):
        logits = self.out(self.norm(self.hidden(self.frozen(batch["images"]))).relu())
        return {"loss_cls": nn.functional.cross_entropy(logits, batch["targets"])}


def largest_changes(build, host_cfg):
    """Largest change of each parameter in three steps of the host's SimpleTrainer."""
    torch.manual_seed(0)
    model = Classifier()
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    batches = [{"images": torch.randn(4, 8), "targets": torch.randint(3, (4,))} for _ in range(3)]
    trainer = SimpleTrainer(model, batches, *build(host_cfg, model))
    with EventStorage(0):
        for trainer.iter in range(3):
            trainer.run_step()
    return {name: (value - before[name]).abs().max().item() for name, value in model.named_parameters()}


@pytest.mark.filterwarnings("ignore:.*is deprecated")  # the host's Lamb calls PyTorch as it was before 1.5
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_trainable_parameter_moves_and_no_frozen_one(host_cfg, optimizer):
    host_cfg.SOLVER.OPT = optimizer
    changes = largest_changes(DefaultTrainer.build_optimizer, host_cfg)
    assert min(change for name, change in changes.items() if not name.startswith("frozen")) > 0
    assert max(change for name, change in changes.items() if name.startswith("frozen")) == 0


def test_host_default_trains_nothing_in_silence(host_cfg):
    assert max(largest_changes(build_optimizer, host_cfg).values()) == 0.0


def test_host_knows_no_lamb(host_cfg, monkeypatch):
    monkeypatch.delattr(torch.optim, "Lamb")
    host_cfg.SOLVER.OPT = "Lamb"
    with pytest.raises(AttributeError, match="no attribute 'Lamb'"):
        build_optimizer(host_cfg, Classifier(), contiguous=False)
