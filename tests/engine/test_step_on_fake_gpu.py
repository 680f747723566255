"""A training step on a fake GPU, and the prototypes before it: no mix of devices, and nothing for which the host would wait."""

import functools

import pytest
import torch

from dcac_fastreid.engine import load_config
from dcac_fastreid.engine.captured_step import CapturedStep
from dcac_fastreid.engine.config_file import changed
from dcac_fastreid.engine.precision_of_test import in_test_precision
from dcac_fastreid.profiling.build import build
from fastreid.layers import any_softmax
from fastreid.utils.events import EventStorage

from .fake_gpu import Waits, WrongDevice, fake_gpu
from .fake_step import FakeTraining

CONDITIONER, AMP = "MODEL.DCAC.CONDITIONER", "SOLVER.AMP"
# Every conditioner, transform, kind of probabilities, view and precision, and a batch in parts; each in one config at least.
# Those of SLOW are in make test-slow: the correlation-aware conditioner is also in the step to be recorded, below.
SLOW = ("fp32", "bf16 in parts, silu, both", "fp32, image embedding, prototypes")
STEPS = {
    "fp32": ("ma_ms",),
    "bf16, class-wise, batchnorm, camera": (
        "ablation/ma_ms/class", f"{AMP}.ENABLED", True, f"{AMP}.DTYPE", "bf16", f"{CONDITIONER}.TRANSFORM", "batchnorm",
        f"{CONDITIONER}.VIEW", "camera",
    ),
    "fp16, instance-wise, condition_net, shuffled": (
        "ablation/ma_ms/instance", f"{AMP}.ENABLED", True, f"{AMP}.DTYPE", "fp16", f"{CONDITIONER}.TRANSFORM", "condition_net",
        f"{CONDITIONER}.SHUFFLE", True,
    ),
    "bf16 in parts, silu, both": (
        "ablation/ma_ms/probs_both", f"{AMP}.ENABLED", True, f"{AMP}.DTYPE", "bf16", f"{CONDITIONER}.TRANSFORM", "silu",
        "SOLVER.MICRO_BATCH", 4, "SOLVER.CHECKPOINT_ACTIVATIONS", True,
    ),
    "fp32, image embedding, prototypes": (
        "plus/ma_ms/image_cross_view", f"{CONDITIONER}.PROBS", "prototypes", "MODEL.DCAC.BALANCE", 0.0,
    ),
    "bf16, baseline": ("baseline/ma_ms", f"{AMP}.ENABLED", True, f"{AMP}.DTYPE", "bf16"),
}  # fmt: skip


@pytest.fixture(scope="module")
def gpu(configs):
    build(
        load_config(str(configs / "synthetic" / "ma_ms.yml")), num_classes=2
    )  # tensors of imported libraries are real
    with fake_gpu() as gpu:
        yield gpu


def training(folder, gpu, name, *opts, num_classes=8, batch=8):
    on_cpu = ["MODEL.DEVICE", "cpu", "SOLVER.IMS_PER_BATCH", batch, "SOLVER.AMP.ENABLED", False]
    return FakeTraining(load_config(str(folder / f"{name}.yml"), [*on_cpu, *opts]), num_classes, gpu)


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in STEPS])
def test_a_step_stays_on_the_gpu(configs, gpu, name):
    made = training(configs / "synthetic", gpu, *STEPS[name])
    made.model.memory.filled = True
    assert {"total_loss", "loss_cls", "loss_pcl"} <= set(made.run())
    weights = [weight for group in made.optimizer.param_groups for weight in group["params"]]
    assert all(weight.is_cuda and weight.grad is not None for weight in weights)
    assert all(state["exp_avg"].is_cuda and state["step"].is_cuda for state in made.optimizer.state.values())
    assert len(made.optimizer.state) == len(weights)


def test_a_step_to_be_recorded_stays_on_the_gpu(configs, gpu, monkeypatch):
    """What CapturedStep records, and what it does before each replay."""
    devices = []
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: devices.append(device))
    made = training(configs / "synthetic", gpu, "ma_ms", f"{AMP}.ENABLED", True, f"{AMP}.DTYPE", "bf16")
    made.model.memory.filled = True
    step, batches = CapturedStep(made.inner, torch.bfloat16), iter(made.loader)
    assert devices == [torch.device("cuda:0")]  # its stream's
    with EventStorage(), gpu.no_waiting():
        for _ in range(2):
            step._take(next(batches))
            step._step()
            made.schedule["lr_sched"].step()
    assert all(group["lr"].is_cuda and group["capturable"] for group in made.optimizer.param_groups)
    assert step._losses.keys() == {"loss_cls", "loss_pcl", "loss_diffusion"}


@pytest.mark.parametrize("layer", sorted(set(any_softmax.__all__) - {"Linear"}))
def test_a_step_with_a_margin_waits_for_the_gpu(configs, gpu, layer):
    """Which why_not_captured says."""
    made = training(configs / "synthetic", gpu, "baseline/ma_ms", "MODEL.HEADS.CLS_LAYER", layer)
    made.model.memory.filled = True
    with pytest.raises(Waits):
        made.run()


@pytest.mark.slow
def test_a_step_of_the_papers_size_stays_on_the_gpu(configs, gpu):
    opts = (f"{AMP}.ENABLED", True, f"{AMP}.DTYPE", "bf16")
    made = training(configs, gpu, "ma_ms", *opts, num_classes=751, batch=64)
    made.fill_prototypes()
    assert "loss_diffusion" in made.run()


@pytest.fixture(scope="module")
def small(configs, gpu):
    """The baseline, whose step is the shortest."""
    made = training(configs / "synthetic", gpu, "baseline/ma_ms")
    made.fill_prototypes()
    return made


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_features_of_a_test_stay_on_the_gpu(small, precision):
    of_test = changed(small.cfg, ["TEST.PRECISION", precision])
    with in_test_precision(of_test, small.model.eval()), torch.no_grad():
        features = small.model({"images": torch.zeros(4, 3, *small.cfg.INPUT.SIZE_TEST)})
    small.model.train()
    assert small.model.memory.filled and small.model.memory.prototypes.is_cuda
    assert features.is_cuda and features.dtype == torch.float32


def on_the_cpu(loss, features):
    features + torch.zeros(len(features), 1)


def asks_for_a_number(loss, features):
    features * min(1.0, loss.item())


def copies_to_the_cpu(loss, features):
    loss.cpu()


def copies_from_the_cpu(loss, features):
    features + torch.zeros(features.shape).to(features.device)


def makes_a_list(loss, features):
    loss.tolist()


def decides(loss, features):
    if loss > 0:
        features.zero_()


def indexes_from_the_cpu(loss, features):
    features[torch.arange(len(features))]


def chooses_by_a_mask(loss, features):
    features[features[:, 0] > 0]


def draws_on_the_cpu(loss, features):
    torch.randn(features.shape, device=features.device, generator=torch.Generator().manual_seed(0))


def draws_an_order(loss, features):
    torch.randperm(len(features), device=features.device)


@pytest.mark.parametrize(
    ("fault", "noticed"),
    [
        (on_the_cpu, WrongDevice),
        (asks_for_a_number, Waits),
        (copies_to_the_cpu, Waits),
        (copies_from_the_cpu, Waits),
        (makes_a_list, Waits),
        (decides, Waits),
        (indexes_from_the_cpu, WrongDevice),
        (chooses_by_a_mask, Waits),
        (draws_on_the_cpu, WrongDevice),
        (draws_an_order, Waits),
    ],
)
def test_a_planted_fault_is_noticed(small, monkeypatch, fault, noticed):
    losses_of = small.model.training_losses

    def with_fault(outputs, targets, batch):
        losses = losses_of(outputs, targets, batch)
        fault(losses["loss_cls"].detach(), outputs["features"].detach())
        return losses

    monkeypatch.setattr(small.model, "training_losses", with_fault)
    with pytest.raises(noticed):
        small.run()


def test_the_step_with_faults_has_none_of_its_own(small):
    small.run()


@pytest.mark.parametrize("place", ["model.memory.prototypes", "model.pixel_mean", "loader._augmentation._value"])
def test_a_part_left_on_the_cpu_is_noticed(small, monkeypatch, place):
    *owners, name = place.split(".")
    owner = functools.reduce(getattr, owners, small)
    monkeypatch.setattr(owner, name, torch.zeros(getattr(owner, name).shape))
    with pytest.raises((Waits, WrongDevice)):
        small.run()
