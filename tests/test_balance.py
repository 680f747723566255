"""λ that is set at every step: the ratio of the gradients at the features, by hand, by telemetry, and in a training."""

import pytest
import torch

from dcac_fastreid.balance import balanced
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

EACH = [  # "both" has the loss of each image, too
    pytest.param(opts, id=name, marks=pytest.mark.slow if name in ("another image", "instance-wise") else ())
    for name, opts in VARIANTS.items()
]


def test_a_case_worked_by_hand():
    """Gradients (3, 4) and (0, 2 * 3): norms 5 and 6. Half of 5 is 5 / 12 of 6."""
    features, weight = torch.tensor([[1.0, 1.0]], requires_grad=True), torch.tensor(3.0, requires_grad=True)
    reid, condition = (features * torch.tensor([3.0, 4.0])).sum(), features * torch.tensor([0.0, 2.0])
    told, loss = balanced(
        reid, (condition * weight).sum(), features=features, condition=condition, denoiser_weights=[weight], ratio=0.5
    )
    assert told.item() == pytest.approx(5 / 12) and not told.requires_grad
    assert loss.item() == pytest.approx(5 / 12 * 6)
    loss.backward()
    assert features.grad.tolist() == [[0, pytest.approx(5 / 12 * 6)]]
    assert weight.grad.item() == pytest.approx(5 / 12 * 2)


def test_a_feedback_that_does_not_reach_the_features_has_no_weight():
    features, prompt = torch.ones(1, 2, requires_grad=True), torch.ones(1, 2, requires_grad=True)
    condition = 2 * prompt
    told, loss = balanced(
        features.sum(), condition.sum(), features=features, condition=condition, denoiser_weights=[], ratio=0.5
    )
    assert told == loss == 0


def first_step(trainer) -> tuple[dict, float | None]:
    """Gradient of every weight that has one, and the λ that was logged."""
    with EventStorage(0) as trainer.storage:
        trainer.epoch = trainer.iter = trainer.start_iter = 0
        trainer.before_train()
        trainer.before_epoch()
        losses = trainer.model(next(trainer._trainer._data_loader_iter))
        sum(loss for name, loss in losses.items() if name.startswith("loss_")).backward()
        logged = trainer.storage.latest().get("lambda", (None,))[0]
    weights = trainer.model.named_parameters()
    return {name: weight.grad for name, weight in weights if weight.grad is not None}, logged


@pytest.mark.parametrize("opts", EACH)
def test_its_gradients_are_those_of_the_diffusion_loss_times_lambda(make_trainer, opts):
    """Of encoder, prompts and adapters, against an ordinary backward pass under that λ."""
    gradients, weight = first_step(make_trainer("ma_ms.yml", BALANCE, 0.3, *opts))
    expected, _ = first_step(make_trainer("ma_ms.yml", "MODEL.DCAC.LAMBDA", weight, *opts))
    assert gradients.keys() == expected.keys() and any("lora" in name for name in expected)
    for name, gradient in expected.items():
        # Some are 0 but for rounding.
        assert (gradients[name] - gradient).norm() <= 1e-4 * gradient.norm() + 1e-6, name


@pytest.mark.parametrize("opts", EACH)
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
