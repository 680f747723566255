"""MODEL.DEVICE is CUDA's current device and that of the loaders; a machine without a GPU stands for one with two."""

import pytest
import torch

from dcac_fastreid.distributed import device
from dcac_fastreid.engine import DCACTrainer
from dcac_fastreid.engine.trainer import DefaultTrainer
from fastreid.utils import comm


@pytest.fixture
def current(monkeypatch):
    """The devices that were made the current one."""
    made = []
    monkeypatch.setattr(device, "_taken", None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "set_device", made.append)
    return made


@pytest.mark.parametrize(
    ("name", "set_to", "batches"),
    [("cuda:1", ["cuda:1"], "cuda:1"), ("cuda", ["cuda:0"], "cuda:0"), ("cpu", [], "cpu")],
)
def test_the_device_that_is_taken_is_the_current_one(current, name, set_to, batches):
    device.take_device(name)
    assert current == [torch.device(each) for each in set_to]
    assert device.device_of_batches(0) == torch.device(batches)


def test_the_last_one_that_is_taken_counts(current):
    device.take_device("cuda:1")
    device.take_device("cuda")
    assert current[-1] == device.device_of_batches(0) == torch.device("cuda:0")
    device.take_device("cpu")
    assert device.device_of_batches(0) == torch.device("cpu")


def test_several_processes_take_the_gpu_of_their_local_rank(current, monkeypatch):
    monkeypatch.setattr(comm, "get_local_rank", lambda: 1)
    device.take_device("cuda")
    assert current == [torch.device("cuda:1")]


def test_without_a_device_a_script_has_that_of_its_local_rank(current):
    assert device.device_of_batches(1) == torch.device("cuda", 1)


@pytest.mark.parametrize("trainer", [DCACTrainer, DefaultTrainer])
@pytest.mark.parametrize("what", ["training", "test"])
def test_a_trainer_takes_the_device_of_its_config(current, make_cfg, monkeypatch, trainer, what):
    """Before the model is built, or a loader."""
    cfg = make_cfg()
    cfg.defrost()
    cfg.MODEL.DEVICE = "cuda:1"

    def stop(*args):
        assert current == [torch.device("cuda:1")]
        raise KeyboardInterrupt

    for name in ("build_model", "build_test_loader", "build_train_loader"):
        monkeypatch.setattr(trainer, name, stop)
    with pytest.raises(KeyboardInterrupt):
        trainer(cfg) if what == "training" else trainer.test(cfg, torch.nn.Identity())


@pytest.mark.gpu
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="fewer than two GPUs")
def test_a_step_that_is_recorded_on_the_second_gpu_trains_as_on_the_first(make_trainer):
    opts = (
        "SOLVER.AMP.DTYPE",
        "bf16",
        "SOLVER.CUDA_GRAPH",
        True,
        "SOLVER.MAX_EPOCH",
        3,
        "TEST.EVAL_PERIOD",
        0,
        "SEED",
        0,
    )
    losses = []
    for name in ("cuda:0", "cuda:1"):
        trainer = make_trainer("ma_ms.yml", "MODEL.DEVICE", name, "SOLVER.AMP.ENABLED", True, *opts)
        trainer.train()
        assert trainer._train_on_batch.recorded and torch.cuda.current_device() == torch.device(name).index
        losses.append([value for value, _ in trainer.storage.history("loss_diffusion").values()])
    assert losses[1] == pytest.approx(losses[0], rel=1e-2) and len(losses[0]) == 9
