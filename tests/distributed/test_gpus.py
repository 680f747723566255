"""nccl: as many processes as GPUs are one process, to the rounding of a GPU."""

import multiprocessing

import pytest
import torch

from dcac_fastreid.distributed.launch import launch
from dcac_fastreid.errors import InputError

from . import jobs
from .compared import apart
from .conftest import STEPS, TRAINING
from .failing import one_fails, one_hangs_under_watch
from .processes import in_processes

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(torch.cuda.device_count() < 2, reason="fewer than two GPUs"),
]


def test_fp16_skips_the_same_steps_on_two_gpus(cache_folder, tiny_data, tmp_path):
    opts = [
        *TRAINING,
        "MODEL.DEVICE",
        "cuda",
        "SOLVER.AMP.ENABLED",
        True,
        "SOLVER.AMP.DTYPE",
        "fp16",
        "OUTPUT_DIR",
        str(tmp_path / "RANK"),
    ]
    first, second = in_processes(
        2, tmp_path / "results", "train", "ma_ms.yml", str(tiny_data), opts, False, True, on_gpus=True
    )
    assert first["scales"] == second["scales"] and first["scales"][-1] < 2.0**30
    assert all(torch.equal(weight, second["model"][name]) for name, weight in first["model"].items())


def test_a_process_that_hangs_or_is_killed_ends_the_other_one(capfd):
    with pytest.raises(SystemExit) as end:
        launch(one_hangs_under_watch, 2, args=(3,), on_gpus=True)
    assert end.value.code == 2 and "process 1 of the run no longer answers" in capfd.readouterr().err
    with pytest.raises(InputError, match="^process 1 of the run has ended by SIGKILL"):
        launch(one_fails, 2, args=("killed",), on_gpus=True)
    assert not multiprocessing.active_children()


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
