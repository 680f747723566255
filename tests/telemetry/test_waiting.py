"""When does a training with telemetry wait for the device? On a sampled step once, behind the backward pass; else never."""

import pytest
import torch

from fastreid.utils.events import EventStorage

from ..engine.test_no_sync import steps

TELEMETRY = "MODEL.DCAC.TELEMETRY"


@pytest.mark.parametrize(
    "config, period, asked", [("ma_ms.yml", 2, ["tolist", "tolist"]), ("baseline/ma_ms.yml", 3, ["tolist"])]
)
def test_a_sampled_step_asks_once_and_the_others_never(make_trainer, config, period, asked):
    assert steps(make_trainer(config, TELEMETRY, period), 3) == asked


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_on_a_gpu_a_sampled_step_waits_for_its_own_copy_alone(make_trainer, dtype):
    gpu = ("MODEL.DEVICE", "cuda", "SOLVER.AMP.ENABLED", True, "SOLVER.AMP.DTYPE", dtype)
    trainer = make_trainer("ma_ms.yml", *gpu, TELEMETRY, 1)
    steps(trainer, 1)
    sampler = next(hook for hook in trainer._hooks if hasattr(hook, "_telemetry"))
    torch.cuda.set_sync_debug_mode("error")
    try:
        with EventStorage(0) as trainer.storage:
            sampler.before_step()
            trainer.run_step()
            sampler.after_step()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert "telemetry/gradient_ratio" in trainer.storage.histories()
