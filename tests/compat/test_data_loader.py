"""Loading without a GPU."""

import pytest
import torch

from dcac_fastreid.compat import data_loader
from fastreid.data import build, data_utils
from fastreid.data.samplers import TrainingSampler

without_cuda = pytest.mark.skipif(torch.cuda.is_available(), reason="the host's loader works where CUDA is")


def train_loader():
    images = [{"images": torch.full((3, 4, 2), float(index)), "img_paths": f"{index}.jpg"} for index in range(6)]
    return build.build_reid_train_loader(images, sampler=TrainingSampler(6, shuffle=False), total_batch_size=2)


@without_cuda
def test_host_loader_needs_cuda(monkeypatch):
    monkeypatch.setattr(build, "DataLoaderX", data_utils.DataLoaderX)
    with pytest.raises((RuntimeError, AssertionError), match="NVIDIA driver|CUDA"):
        train_loader()


@without_cuda
def test_batches_come_without_cuda_and_without_warning(recwarn):
    batch = next(iter(train_loader()))
    assert batch["images"][:, 0, 0, 0].tolist() == [0, 1]
    assert batch["img_paths"] == ["0.jpg", "1.jpg"]
    assert not recwarn.list


def test_host_loader_stays_where_cuda_is(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(build, "DataLoaderX", data_utils.DataLoaderX)
    data_loader.load_without_cuda()
    assert build.DataLoaderX is data_utils.DataLoaderX
