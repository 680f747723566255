"""Each of several trainings at a time has GPUs of its own."""

import json
import sys
from types import SimpleNamespace

import pytest
import torch

from dcac_fastreid.experiments.gpus import VARIABLE, Places, groups_of_gpus
from dcac_fastreid.experiments.side_by_side import train_side_by_side


@pytest.mark.parametrize(
    ("visible", "count", "num_gpus", "groups"),
    [
        (None, 4, 1, ["0", "1", "2", "3"]),
        (None, 5, 2, ["0,1", "2,3"]),
        ("6, 2,GPU-5af", 3, 1, ["6", "2", "GPU-5af"]),
        ("6,2,7,-1,4", 3, 3, ["6,2,7"]),
        ("", 0, 1, []),
        (None, 0, 1, []),
    ],
)
def test_gpus_are_shared_out_by_the_names_that_are_visible(monkeypatch, visible, count, num_gpus, groups):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.delenv(VARIABLE, raising=False)
    if visible is not None:
        monkeypatch.setenv(VARIABLE, visible)
    assert groups_of_gpus(num_gpus, "cuda") == groups
    assert groups_of_gpus(num_gpus, "cpu") == groups_of_gpus(num_gpus, "cuda:1") == []


def test_a_place_that_is_free_again_is_taken_again_and_more_trainings_than_gpus_share_them():
    places = Places(3, ["0", "1"])
    assert [places.take() for _ in range(3)] == [(0, {VARIABLE: "0"}), (1, {VARIABLE: "1"}), (2, {VARIABLE: "0"})]
    places.give_back(1)
    assert places.take() == (1, {VARIABLE: "1"})
    assert Places(1, []).take() == (0, {})


def test_processes_side_by_side_see_one_gpu_each_and_no_two_the_same_at_a_time(tmp_path):
    write = (
        "import json, os, sys, time; begin = time.time(); time.sleep(0.3); "
        "json.dump([os.environ['CUDA_VISIBLE_DEVICES'], begin, time.time()], open(sys.argv[1], 'w'))"
    )
    runs = [SimpleNamespace(folder=tmp_path / str(number)) for number in range(4)]
    done = train_side_by_side(
        runs, 2, lambda run: [sys.executable, "-c", write, f"{run.folder}.json"], groups=["4", "GPU-5"]
    )
    assert len(list(done)) == 4
    told = [json.loads(file.read_text()) for file in tmp_path.glob("*.json")]
    assert sorted(gpu for gpu, *_ in told) == ["4", "4", "GPU-5", "GPU-5"]
    for gpu in ("4", "GPU-5"):
        (_, ended), (begun, _) = sorted(times for name, *times in told if name == gpu)
        assert ended <= begun
