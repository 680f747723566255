"""λ that is set at every step: the ratio of the gradients at the features, by hand, by telemetry, and in a training."""

import pytest
import torch

from dcac_fastreid.balance import balanced_weight
from dcac_fastreid.telemetry import StepTelemetry
from fastreid.utils.events import EventStorage

from .engine.test_no_sync import steps

BALANCE = "MODEL.DCAC.BALANCE"
CONDITIONER = "MODEL.DCAC.CONDITIONER."
VARIANTS = {
    "correlation-aware": (),
    "another image": (CONDITIONER + "VIEW", "identity"),
    "instance-wise": (CONDITIONER + "NAME", "InstanceWiseConditioner"),
    "both": (CONDITIONER + "PROBS", "both"),
    "micro-batches": ("SOLVER.MICRO_BATCH", 5),
    "activation checkpointing": ("SOLVER.CHECKPOINT_ACTIVATIONS", True),
}


def test_the_weight_of_a_case_worked_by_hand():
    """Gradients (3, 4) and (0, 2): norms 5 and 2. Half of 5 is 1.25 times 2."""
    features = torch.tensor([[1.0, 1.0]], requires_grad=True)
    reid, feedback = (features * torch.tensor([3.0, 4.0])).sum(), (features * torch.tensor([0.0, 2.0])).sum()
    weight = balanced_weight(reid, feedback, features, 0.5)
    assert weight.item() == pytest.approx(1.25) and not weight.requires_grad
    assert balanced_weight(reid, torch.ones((), requires_grad=True) * 2, features, 0.5) == 0, (
        "nothing reaches the features"
    )


@pytest.mark.parametrize("opts", VARIANTS.values(), ids=VARIANTS)
def test_the_gradients_have_the_ratio_at_every_step(make_trainer, opts):
    trainer = make_trainer("ma_ms.yml", BALANCE, 0.3, *opts)
    with EventStorage(0) as trainer.storage:
        trainer.epoch = trainer.iter = trainer.start_iter = 0
        trainer.before_train()
        trainer.before_epoch()
        model = trainer.model
        telemetry = StepTelemetry(model.backbone, model.heads, model.conditioner, model.feedback)
        weights = []
        for _ in range(2):
            telemetry.begin()
            trainer.run_step()
            assert telemetry.end()["gradient_ratio"] == pytest.approx(0.3, rel=1e-3)
            weights.append(trainer.storage.latest()["lambda"][0])
    assert weights[0] != weights[1] and min(weights) > 1


def test_without_it_the_weight_is_lambda(make_trainer):
    assert make_trainer("ma_ms.yml", "MODEL.DCAC.LAMBDA", 2.0).model.balance == 0


def test_a_step_asks_the_device_for_no_number(make_trainer):
    assert steps(make_trainer("ma_ms.yml", BALANCE, 0.3), 2) == []


def test_a_feedback_that_reaches_no_feature_weighs_nothing(make_trainer):
    cut = (CONDITIONER + "NAME", "ClassWiseConditioner", CONDITIONER + "RESCALE", True)
    trainer = make_trainer("ma_ms.yml", BALANCE, 0.3, "TEST.EVAL_PERIOD", 0, *cut)
    trainer.train()
    assert [value for value, _ in trainer.storage.history("loss_diffusion").values()] == [0, 0, 0]
