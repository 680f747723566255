"""SOLVER.DETERMINISTIC asks PyTorch for the same bits, and a training under it runs."""

import os

import pytest
import torch


@pytest.fixture(autouse=True)
def as_before(monkeypatch):
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    monkeypatch.setattr(torch.utils.deterministic, "fill_uninitialized_memory", True)
    yield
    torch.use_deterministic_algorithms(False)
    os.environ.pop("CUBLAS_WORKSPACE_CONFIG", None)


def trained(make_trainer, *opts):
    trainer = make_trainer("ma_ms.yml", "TEST.EVAL_PERIOD", 0, *opts)
    trainer.resume_or_load(resume=False)
    trainer.train()
    return trainer.model.state_dict()


def test_on_the_cpu_it_changes_nothing(make_trainer):
    before = trained(make_trainer)
    assert not torch.are_deterministic_algorithms_enabled() and torch.backends.cudnn.benchmark
    after = trained(make_trainer, "SOLVER.DETERMINISTIC", True, "CUDNN_BENCHMARK", True)
    assert torch.are_deterministic_algorithms_enabled() and not torch.backends.cudnn.benchmark
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    assert all(torch.equal(weight, after[name]) for name, weight in before.items())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
def test_on_a_gpu_two_runs_are_alike_to_the_bit(make_trainer, dtype):
    reduced = ("SOLVER.AMP.ENABLED", dtype != "fp32", "SOLVER.AMP.DTYPE", "bf16", "MODEL.DEVICE", "cuda")
    first, second = (trained(make_trainer, "SOLVER.DETERMINISTIC", True, *reduced) for _ in range(2))
    assert [name for name, weight in first.items() if not torch.equal(weight, second[name])] == []
