"""The gradients by branch, against a backward pass of each loss on its own; on the real model of a real trainer."""

import pytest
import torch

from dcac_fastreid.telemetry import StepTelemetry

CONDITIONER = "MODEL.DCAC.CONDITIONER."
VARIANTS = {
    "correlation-aware": (),
    "prototypes": (CONDITIONER + "PROBS", "prototypes"),
    "both": (CONDITIONER + "PROBS", "both", "MODEL.DCAC.LAMBDA", 3.0),
    "instance-wise": (CONDITIONER + "NAME", "InstanceWiseConditioner"),
    "class-wise": (CONDITIONER + "NAME", "ClassWiseConditioner"),
    "triplet loss": ("MODEL.LOSSES.NAME", ("IDLoss", "PrototypicalContrastiveLoss", "TripletLoss")),
    "margin": ("MODEL.HEADS.CLS_LAYER", "CosSoftmax", "MODEL.HEADS.SCALE", 8, "MODEL.HEADS.MARGIN", 0.1),
    "micro-batches": ("SOLVER.MICRO_BATCH", 5),
    "activation checkpointing": ("SOLVER.CHECKPOINT_ACTIVATIONS", True),
}
FAST = ("correlation-aware", "margin", "micro-batches")  # the others in make test-slow


def telemetry_of(model):
    return StepTelemetry(
        model.backbone, model.heads, getattr(model, "conditioner", None), getattr(model, "feedback", None)
    )


def sample(step, loss_scale=1.0):
    """The telemetry's numbers of one forward and backward pass."""
    telemetry = telemetry_of(step.model)
    telemetry.begin(torch.tensor(loss_scale))
    (sum(step.losses().values()) * loss_scale).backward()
    return telemetry.end()


def each_loss_on_its_own(step):
    """Gradients at features and classifier: of the Re-ID losses, and of the diffusion loss."""
    outputs = []
    handle = step.model.heads.register_forward_hook(lambda heads, inputs, found: outputs.append(found))
    losses = step.losses()
    handle.remove()
    places = (outputs[0]["features"], step.model.heads.weight)
    diffusion = losses.pop("loss_diffusion", None)
    gradients = []
    for loss in (sum(losses.values()), diffusion):
        if loss is not None:
            found = torch.autograd.grad(loss, places, retain_graph=True, allow_unused=True)
            gradients.append([torch.zeros_like(p) if g is None else g for g, p in zip(found, places, strict=True)])
    return gradients


def expected(reid, diffusion):
    cosine = torch.nn.functional.cosine_similarity(reid[0].flatten(), diffusion[0].flatten(), dim=0)
    return {
        "reid_gradient": reid[0].norm().item(),
        "diffusion_gradient": diffusion[0].norm().item(),
        "gradient_ratio": (diffusion[0].norm() / reid[0].norm()).item(),
        "gradient_cosine": cosine.item(),
        "classifier_share": (diffusion[1].norm() / (reid[1].norm() + diffusion[1].norm())).item(),
    }


@pytest.mark.parametrize(
    "name", [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in VARIANTS]
)
def test_numbers_are_those_of_two_backward_passes(first_step, name):
    step = first_step("ma_ms.yml", *VARIANTS[name])
    wanted = expected(*each_loss_on_its_own(step))
    numbers = sample(step)
    assert wanted["diffusion_gradient"] > 0
    assert {name: numbers[name] for name in wanted} == pytest.approx(wanted, rel=1e-3, abs=1e-5)


def test_in_bf16_to_its_rounding(first_step):
    step = first_step(autocast=torch.bfloat16)
    wanted = expected(*each_loss_on_its_own(step))
    numbers = sample(step)
    assert {name: numbers[name] for name in wanted} == pytest.approx(wanted, rel=0.03, abs=0.01)


def test_a_scaled_loss_gives_the_same_numbers(first_step):
    step = first_step()
    assert sample(step, 1024.0) == pytest.approx(sample(step), rel=1e-4, abs=1e-6)


def test_a_loss_scale_that_overflows_leaves_nothing_to_log_of_the_gradients(first_step):
    """fp16 skips such a step; what is not of the backward pass is still there."""
    numbers = sample(first_step(), float("inf"))
    assert "condition_entropy" in numbers and not any("gradient" in name or "share" in name for name in numbers)


def test_a_cut_feedback_is_exactly_zero(first_step):
    numbers = sample(
        first_step("ma_ms.yml", CONDITIONER + "NAME", "ClassWiseConditioner", CONDITIONER + "RESCALE", True)
    )
    zero = ("diffusion_gradient", "gradient_ratio", "gradient_cosine", "classifier_share")
    assert [numbers[name] for name in zero] == [0, 0, 0, 0] and numbers["reid_gradient"] > 0


def test_the_feedback_alone_has_no_ratio(first_step):
    numbers = sample(first_step("ma_ms.yml", "MODEL.LOSSES.NAME", ()))
    assert numbers["diffusion_gradient"] > 0 == numbers["reid_gradient"] and "gradient_ratio" not in numbers


def test_the_baseline_has_the_reid_gradient_alone(first_step):
    step = first_step("baseline/ma_ms.yml")
    (reid,) = each_loss_on_its_own(step)
    numbers = sample(step)
    assert numbers == pytest.approx({"reid_gradient": reid[0].norm().item()}, rel=1e-4)


def test_it_is_gone_after_the_step(first_step):
    step = first_step()
    telemetry = telemetry_of(step.model)
    telemetry.begin()
    sum(step.losses().values()).backward()
    telemetry.end()
    assert not step.model.heads._forward_hooks and not step.model.conditioner._forward_pre_hooks
    assert "loss" not in vars(step.model.feedback) and telemetry._split is None


def test_a_step_without_a_backward_pass_has_no_numbers(first_step):
    step = first_step()
    telemetry = telemetry_of(step.model)
    telemetry.begin()
    step.losses()
    assert telemetry.end() == {}
