"""SOLVER.L2_SP: the pull towards the start itself, and in a run that is stopped and resumed."""

import torch
from torch import nn

from dcac_fastreid.engine.start_pull import StartPull

from . import same_run
from .test_resume import Stop, stopped

OPTS = ("SOLVER.L2_SP", 20.0, "SOLVER.MAX_EPOCH", 2, "SOLVER.CHECKPOINT_STEPS", 2)


def test_a_hand_worked_pull():
    """From 8 towards 4 at rates 0.1 and 0.2 with strength 2: 8 - 0.2 x 4 = 7.2 and 8 - 0.4 x 4 = 6.4."""
    encoder = nn.Linear(1, 1)
    for weight in encoder.parameters():
        nn.init.constant_(weight, 8.0)
    frozen = nn.Parameter(torch.tensor([8.0]), requires_grad=False)
    encoder.register_parameter("frozen", frozen)
    other = nn.Parameter(torch.tensor([8.0]))
    rates = [{"params": [encoder.weight, other], "lr": 0.1}, {"params": [encoder.bias], "lr": 0.2}]
    pull = StartPull(encoder, torch.optim.AdamW(rates), 2.0)
    pull.pull_to({name: torch.full_like(weight, 4.0) for name, weight in encoder.state_dict().items()})
    pull.apply()
    torch.testing.assert_close(encoder.weight.detach(), torch.tensor([[7.2]]))
    torch.testing.assert_close(encoder.bias.detach(), torch.tensor([6.4]))
    assert frozen == 8 and other == 8


def test_a_resumed_run_is_pulled_to_the_same_start(make_trainer, tmp_path):
    def begin(folder, *opts, resume=False):
        trainer = make_trainer("baseline/ma_ms.yml", *OPTS, "OUTPUT_DIR", str(tmp_path / folder), *opts)
        trainer.resume_or_load(resume=resume)
        return trainer

    begin("whole").train()
    stopped(begin("broken"), Stop("after_step", 5))
    begin("broken", resume=True).train()
    same_run.assert_same(tmp_path / "broken", tmp_path / "whole")
    begin("free", "SOLVER.L2_SP", 0.0).train()
    start = begin("start").model.backbone.tower.proj
    ends = [
        torch.load(tmp_path / name / "model_final.pth")["model"]["backbone.tower.proj"] for name in ("whole", "free")
    ]
    assert (ends[0] - start).norm() < 0.99 * (ends[1] - start).norm()
