"""Loading, with and without a GPU."""

import queue

import pytest
import torch

from dcac_fastreid.distributed import device
from fastreid.data import build, data_utils
from fastreid.data.samplers import TrainingSampler


def train_loader(images=None):
    images = images or [
        {"images": torch.full((3, 4, 2), float(index)), "img_paths": f"{index}.jpg"} for index in range(6)
    ]
    return build.build_reid_train_loader(images, sampler=TrainingSampler(6, shuffle=False), total_batch_size=2)


@pytest.mark.skipif(torch.cuda.is_available(), reason="the host's loader works where CUDA is")
def test_host_loader_needs_cuda(monkeypatch):
    monkeypatch.setattr(build, "DataLoaderX", data_utils.DataLoaderX)
    with pytest.raises((RuntimeError, AssertionError), match="NVIDIA driver|CUDA"):
        train_loader()


@pytest.fixture(autouse=True)
def nobody_has_taken_a_device(monkeypatch):
    monkeypatch.setattr(device, "_taken", None)


def test_batches_come_in_order_and_without_warning(recwarn):
    batch = next(iter(train_loader()))
    assert batch["images"][:, 0, 0, 0].tolist() == [0, 1]
    assert batch["img_paths"] == ["0.jpg", "1.jpg"]
    assert batch["images"].is_cuda == torch.cuda.is_available()
    assert not recwarn.list


def test_where_there_is_a_gpu_and_the_config_says_cpu_batches_stay_on_the_cpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert train_loader().device == torch.device("cuda", 0) and train_loader().pin_memory
    device.take_device("cpu")
    loader = train_loader()
    assert not loader.pin_memory and next(iter(loader))["images"].device.type == "cpu"


class Broken:
    def __len__(self):
        return 6

    def __getitem__(self, index):
        raise ValueError("an image that cannot be read")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_host_loaders_thread_dies_in_silence(monkeypatch):
    """With a GPU; its set_device, the only CUDA call of the thread, is left out here."""
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: None)
    ahead = data_utils.BackgroundGenerator((Broken()[index] for index in range(6)), 0)
    ahead.join(5)
    assert not ahead.is_alive()
    with pytest.raises(queue.Empty):  # the run would wait here for ever
        ahead.queue.get(timeout=0.5)


def test_what_an_image_raises_reaches_the_training():
    with pytest.raises(ValueError, match="an image that cannot be read"):
        next(iter(train_loader(Broken())))
