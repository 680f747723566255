"""MODEL.DEVICE is CUDA's current device and that of the loaders; a machine without a GPU stands for one with two."""

import pytest
import torch

from dcac_fastreid.distributed import device
from dcac_fastreid.engine import DCACTrainer
from dcac_fastreid.engine.trainer import DefaultTrainer


@pytest.fixture
def current(monkeypatch):
    """The devices that were made the current one."""
    made = []
    monkeypatch.setattr(device, "_taken", None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "set_device", made.append)
    return made


@pytest.mark.parametrize(
    ("name", "set_to", "batches"), [("cuda:1", ["cuda:1"], "cuda:1"), ("cuda", [], "cuda"), ("cpu", [], "cpu")]
)
def test_the_device_that_is_taken_is_the_current_one(current, name, set_to, batches):
    device.take_device(name)
    assert current == [torch.device(each) for each in set_to]
    assert device.device_of_batches(0) == torch.device(batches)


def test_without_a_device_a_script_has_that_of_its_local_rank(current):
    assert device.device_of_batches(1) == torch.device("cuda", 1)


@pytest.mark.parametrize(
    "begin", [DCACTrainer, lambda cfg: DCACTrainer.test(cfg, torch.nn.Identity())], ids=["training", "test"]
)
def test_a_training_and_a_test_take_the_device_of_their_config(current, make_cfg, monkeypatch, begin):
    """Before the model is built, or a loader."""
    cfg = make_cfg()
    cfg.defrost()
    cfg.MODEL.DEVICE = "cuda:1"

    def stop(*args):
        assert current == [torch.device("cuda:1")]
        raise KeyboardInterrupt

    for name in ("build_model", "build_test_loader", "build_train_loader"):
        monkeypatch.setattr(DefaultTrainer, name, stop)
        monkeypatch.setattr(DCACTrainer, name, stop)
    with pytest.raises(KeyboardInterrupt):
        begin(cfg)
