"""nccl: as many processes as GPUs are one process, to the rounding of a GPU."""

import pytest
import torch

from . import jobs
from .compared import apart
from .conftest import STEPS, TRAINING
from .processes import in_processes

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(torch.cuda.device_count() < 2, reason="fewer than two GPUs"),
]


def test_two_gpus_are_one(cache_folder, tiny_data, tmp_path):
    root, on_gpu = str(tiny_data), ["MODEL.DEVICE", "cuda"]
    steps = {name: ["", "one_step", config, root, [*opts, *on_gpu]] for name, (config, opts) in STEPS.items()}
    steps["train"] = ["", "train", "ma_ms.yml", root, [*TRAINING, *on_gpu, "OUTPUT_DIR", str(tmp_path / "RANK")]]
    two = in_processes(2, tmp_path / "results", "many", steps, on_gpus=True)  # first: they are forked
    one = jobs.many(steps)
    for name in STEPS:
        gradients = {key: weight.cpu() for key, weight in one[name]["gradients"].items()}
        for of_process in two:
            assert max(apart(gradients, of_process[name]["gradients"]).values()) < (0.1 if name == "bf16" else 1e-3), (
                name
            )
    for theirs, mine in zip(one["train"]["losses"], two[1]["train"]["losses"], strict=True):
        assert all(abs(mine[name] - theirs[name]) < 1e-3 * abs(theirs[name]) for name in theirs)
