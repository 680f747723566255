"""A training that diverges ends in one sentence, and saves nothing that is NaN over what is good."""

import logging
from pathlib import Path

import pytest
import torch

from dcac_fastreid.errors import DivergenceError
from fastreid.engine import HookBase


class Spoil(HookBase):
    """Makes a number of the training NaN behind the last of so many steps."""

    def __init__(self, steps: int, tensor):
        self._steps, self._tensor = steps, tensor

    def after_step(self):
        if self.trainer.iter + 1 == self._steps:
            self._tensor(self.trainer).data.view(-1)[0] = float("nan")


def diverge(trainer, spoil=None) -> str:
    """The sentence with which a training ends."""
    trainer.resume_or_load(resume=False)
    if spoil:
        spoil.trainer = trainer
        trainer._hooks.insert(0, spoil)
    with pytest.raises(DivergenceError) as raised:
        trainer.train()
    assert "\n" not in str(raised.value)
    return str(raised.value)


def saved(folder: Path) -> list[str]:
    """The checkpoints in a folder, which hold nothing that is NaN."""
    for file in folder.glob("*.pth"):
        assert all(tensor.isfinite().all() for tensor in torch.load(file)["model"].values()), file
    return sorted(file.name for file in folder.glob("*.pth*"))


@pytest.mark.parametrize("name", ["baseline/ma_ma.yml", "ma_ma.yml"])
def test_a_learning_rate_out_of_all_bounds(make_trainer, tmp_path, caplog, name):
    logging.getLogger("fastreid").addHandler(caplog.handler)
    rate = ("SOLVER.BASE_LR", 1e6, "SOLVER.WARMUP_EPOCHS", 0, "SOLVER.CHECKPOINT_STEPS", 1)
    sentence = diverge(make_trainer(name, *rate))
    logging.getLogger("fastreid").removeHandler(caplog.handler)
    assert "Traceback" not in caplog.text
    for words in (
        "weights so large",
        "epoch/iter 0/0, learning rate 1e+06",
        "no checkpoint from before",
        "SOLVER.BASE_LR",
    ):
        assert words in sentence
    assert saved(tmp_path / "out") == []


def test_the_losses_are_named_where_they_are_nan_first(make_trainer, tmp_path):
    """Also where nothing reads them before the epoch ends, and the last good checkpoint is named."""
    trainer = make_trainer("ma_ma.yml", "SOLVER.MAX_EPOCH", 2)
    sentence = diverge(trainer, Spoil(4, lambda trainer: trainer.model.conditioner.prompts))
    assert "the losses of step 4 are total_loss nan" in sentence and "loss_diffusion nan" in sentence
    assert "loss_pcl nan" not in sentence
    file = tmp_path / "out" / "model_0000.pth"
    assert f"the last good checkpoint is {file}" in sentence and "MODEL.WEIGHTS" in sentence
    assert saved(tmp_path / "out") == ["model_0000.pth", "model_best.pth"]
    assert (tmp_path / "out" / "last_checkpoint").read_text() == "model_0000.pth"


def first_state(trainer):
    return next(iter(trainer.optimizer.state.values()))["exp_avg"]


@pytest.mark.parametrize(
    "tensor, named",
    [
        (lambda trainer: trainer.model.backbone.tower.proj, "model backbone.tower.proj"),
        (lambda trainer: trainer.model.heads.bottleneck[0].running_var, "model heads.bottleneck.0.running_var"),
        (lambda trainer: trainer.model.memory.prototypes, "model memory.prototypes"),
        (first_state, "optimizer state.0.exp_avg"),
    ],
    ids=["weights", "statistics", "prototypes", "optimizer"],
)
def test_nothing_that_is_nan_is_saved_in_the_last_step(make_trainer, tmp_path, tensor, named):
    """No loss tells of it any more."""
    sentence = diverge(make_trainer("baseline/ma_ma.yml"), Spoil(3, tensor))
    assert f"NaN or infinite numbers in {named}" in sentence
    assert saved(tmp_path / "out") == []


def test_steps_that_a_loss_scaler_leaves_out_are_no_divergence(make_trainer):
    """Their gradients are infinite, their losses are not."""
    trainer = make_trainer("ma_ms.yml", "SOLVER.AMP.ENABLED", True, "SOLVER.AMP.DTYPE", "bf16")
    trainer._trainer.set_dtype(torch.float16)
    trainer._trainer.grad_scaler = torch.amp.GradScaler("cpu", init_scale=2.0**126)
    trainer.resume_or_load(resume=False)
    trainer.train()
    assert trainer.grad_scaler.get_scale() < 2.0**126, "steps were left out"
