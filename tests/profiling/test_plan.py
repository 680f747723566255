"""The plan's prediction against the step itself, and what it says where memory does not suffice."""

import sys

import pytest
import torch
from torch import nn

from dcac_fastreid import load_config
from dcac_fastreid.errors import InputError
from dcac_fastreid.profiling.build import build
from dcac_fastreid.profiling.model_stats import model_stats
from dcac_fastreid.profiling.plan import plan
from dcac_fastreid.profiling.shape_run import Recorder, run_on_shapes
from dcac_fastreid.profiling.step_parts import StepClock
from fastreid.utils.events import EventStorage

NUM_CLASSES = 8
plan_module = sys.modules[plan.__module__]


CHECKPOINT, PIECES = ("SOLVER.CHECKPOINT_ACTIVATIONS", True), ("SOLVER.MICRO_BATCH", 4)


def small(configs, *opts, name="ma_ms"):
    batch = ["SOLVER.IMS_PER_BATCH", 8, "SEED", 0, "MODEL.DEVICE", "cpu", "SOLVER.AMP.ENABLED", False]
    return load_config(str(configs / "synthetic" / f"{name}.yml"), [*batch, *opts])


@pytest.fixture(scope="module")
def whole(configs):
    """The step on shapes with everything kept."""
    return run_on_shapes(small(configs), NUM_CLASSES)


def real_step(cfg) -> tuple[int, int]:
    """Bytes that a real step holds after the forward pass, and at its highest."""
    model = build(cfg, NUM_CLASSES, "cpu")
    moments = torch.zeros(8, 8, 8, 8)
    model.feedback.connect_latents(lambda paths: moments, scaling_factor=1.0)
    images, targets = torch.zeros(8, 3, 128, 64), torch.arange(8) // 2
    with EventStorage(), Recorder(model, StepClock(torch.device("cpu"))) as recorder:
        for parameter in model.parameters():
            parameter.grad = torch.empty_like(parameter) if parameter.requires_grad else None
        loss = sum(model({"images": images, "targets": targets, "img_paths": [""] * 8}).values())
        model.zero_grad()
        saved = recorder.held
        loss.backward()
    return saved, recorder.highest


def test_shapes_tell_the_bytes_that_a_real_step_holds(configs, whole):
    saved, highest = real_step(small(configs))
    assert whole.saved == pytest.approx(saved, rel=0.02) and whole.highest == pytest.approx(highest, rel=0.02)


def test_what_is_written_in_place_or_only_viewed_is_held_once():
    layer = nn.Linear(2, 2)
    with Recorder(layer, StepClock(torch.device("cpu"))) as recorder:
        first = torch.ones(100)
        first.add_(1).view(10, 10).mul_(2)
        layer.weight.detach().zero_()  # the model's own
        assert recorder.held == 400
        second = first + first
        del first
        assert recorder.held == 400 and recorder.highest == 800
    assert {str(operation.function): operation.count for operation in recorder.operations.values()} == {
        "aten.ones.default": 1, "aten.add_.Tensor": 1, "aten.mul_.Tensor": 1, "aten.zero_.default": 1,
        "aten.add.Tensor": 1,
    }  # fmt: skip
    del second


@pytest.mark.parametrize("opts", [pytest.param(CHECKPOINT, marks=pytest.mark.slow), PIECES], ids=str)
def test_settings_for_little_memory_hold_less(configs, whole, opts):
    cfg = small(configs, *opts)
    predicted = run_on_shapes(cfg, NUM_CLASSES)
    assert predicted.highest < 0.7 * whole.highest
    assert predicted.highest == pytest.approx(real_step(cfg)[1], rel=0.02)


def test_the_prediction_is_near_what_is_measured(configs):
    """Memory within 20 %, a step within a factor of 4: other processes run beside this test."""
    result = plan(small(configs), NUM_CLASSES)
    assert result["fits"] and abs(result["error"]["memory"]) < 0.2
    assert 1 / 4 < 1 + result["error"]["step"] < 4
    memory = result["predicted"]["memory_gib"]
    assert memory["optimizer"] > 0 and memory["weights"] > 0
    assert memory["total"] == pytest.approx(sum(memory[kind] for kind in ("process", "weights", "optimizer", "step")))


def test_adam_keeps_two_numbers_for_each_weight_that_it_updates(configs, whole):
    cfg = small(configs)
    assert plan_module.states_per_weight(cfg) == 2
    model = build(cfg, NUM_CLASSES)
    unused = sum(weight.numel() * 4 for weight in model.unused_parameters() if weight.requires_grad)
    assert whole.gradients == sum(weight.numel() * 4 for weight in model.parameters() if weight.requires_grad)
    assert whole.updated == whole.gradients - unused and unused > 0


def test_mixed_precision_halves_frozen_weights_and_activations(configs, whole):
    half = run_on_shapes(small(configs, "SOLVER.AMP.ENABLED", True, "SOLVER.AMP.DTYPE", "bf16"), NUM_CLASSES)
    assert half.weights < 0.9 * whole.weights and half.saved < 0.8 * whole.saved


def test_the_baseline_is_planned_too(configs, whole):
    assert 0 < run_on_shapes(small(configs, name="baseline/ma_ms"), NUM_CLASSES).saved < whole.saved


def test_settings_that_cannot_train_are_refused(configs):
    with pytest.raises(InputError, match="SOLVER.MAX_EPOCH is 0"):
        plan(small(configs, "SOLVER.MAX_EPOCH", 0), NUM_CLASSES)


@pytest.mark.parametrize("count", [plan, model_stats])
@pytest.mark.parametrize(
    "config, opts",
    [("", ["MODEL.BACKBONE.DEPTH", "18x"]), ("ma_ms", ["MODEL.LOSSES.NAME", "('CrossEntropyLoss', 'TripletLoss')"])],
    ids=["Baseline", "TripletLoss"],
)
def test_a_model_that_decides_by_values_is_refused(configs, count, config, opts):
    opts = ["MODEL.DEVICE", "cpu", "SOLVER.AMP.ENABLED", False, "SOLVER.IMS_PER_BATCH", 4, *opts]
    cfg = load_config(str(configs / "synthetic" / f"{config}.yml") if config else "", opts)
    with pytest.raises(
        InputError, match="MODEL.LOSSES.NAME .*Loss cannot be counted on shapes alone: which operations"
    ):
        count(cfg, NUM_CLASSES)


@pytest.mark.slow
def test_the_view_of_another_camera_is_planned(configs):
    """On shapes and with a real step, whose batches tell the cameras."""
    result = plan(small(configs, "MODEL.DCAC.CONDITIONER.VIEW", "camera"), NUM_CLASSES)
    assert result["measured"]["step_s"] > 0
