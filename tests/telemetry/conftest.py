"""A real trainer at its first step, whose losses can be computed again from the same state."""

import copy

import pytest
import torch

from fastreid.utils.events import EventStorage


@pytest.fixture
def few_draws(monkeypatch):
    """Four draws for each held-out image, not 16: where it matters when the condition's value is measured, and of what."""
    monkeypatch.setattr("dcac_fastreid.engine.held_out_condition.DRAWS", 4)


class FirstStep:
    """A trainer before its first step, and a batch.

    Attributes:
        model: its latents and prototypes are at hand; LoRA's B is not at 0 and the classifier not near it, as after some
            training.
    """

    def __init__(self, trainer, autocast=None):
        self.model = trainer.model
        self._autocast = autocast
        with EventStorage(0) as trainer.storage:
            trainer.epoch = trainer.iter = trainer.start_iter = 0
            trainer.before_train()
            trainer.before_epoch()
        self._batch = next(trainer._trainer._data_loader_iter)
        self._prototypes = self.model.memory.prototypes.clone()
        torch.manual_seed(0)
        with torch.no_grad():
            self.model.heads.weight.normal_(std=0.1)
            for name, parameter in self.model.named_parameters():
                if ".lora_B" in name:
                    parameter.normal_(std=0.1)

    def losses(self) -> dict:
        """Of the batch; the same at every call."""
        self.model.memory.prototypes.copy_(self._prototypes)
        if hasattr(self.model, "feedback"):
            self.model.feedback.generator = torch.Generator().manual_seed(7)
        with EventStorage(0), torch.autocast("cpu", dtype=self._autocast, enabled=self._autocast is not None):
            return self.model(copy.deepcopy(self._batch))


@pytest.fixture
def first_step(make_trainer):
    def make(config="ma_ms.yml", *opts, autocast=None):
        return FirstStep(make_trainer(config, *opts), autocast)

    return make
