"""A training of two processes is that of one, and is resumed by any number (checks 1, 4, 5 and 8 of DISTRIBUTED.md)."""

import json
from pathlib import Path

import pytest
import torch

from . import jobs
from .compared import apart, relative, unequal
from .conftest import stopped_inside_an_epoch, training


def assert_ends_alike(one: dict, other: dict) -> None:
    trained = [
        {name: weight for name, weight in end["model"].items() if weight.is_floating_point()} for end in (one, other)
    ]
    far = apart(*trained)
    assert max(far.values()) < 1e-5, list(far.items())[:3]
    for name in trained[0]:
        assert relative(trained[0][name], trained[1][name]) < 1e-3, name  # those without a true gradient


def test_the_seam_leaves_one_process_as_it_is(runs):
    assert unequal(runs.one["train"]["model"], runs.one["no seam"]["model"]) == []
    assert runs.one["train"]["losses"] == runs.one["no seam"]["losses"]


def test_losses_prototypes_and_weights_are_those_of_one_process(runs):
    one = runs.one["train"]
    for of_process in runs.two:
        two = of_process["train"]
        assert len(two["losses"]) == 6 and two["losses"][0] == one["losses"][0]
        for mine, theirs in zip(two["losses"], one["losses"], strict=True):
            assert all(abs(mine[name] - theirs[name]) < 1e-5 * abs(theirs[name]) for name in theirs)
        assert torch.equal(one["prototypes"][0], two["prototypes"][0])
        assert relative(one["prototypes"][1], two["prototypes"][1]) < 1e-5
        assert_ends_alike(one, two)
        assert max(apart(one["average"], two["average"]).values()) < 1e-5


def test_both_processes_end_with_the_same_bits(runs):
    first, second = (of_process["train"]["model"] for of_process in runs.two)
    assert unequal(first, second) == []


def assert_written_alike(one: Path, other: Path) -> None:
    ours, theirs = ([json.loads(line) for line in (folder / "metrics.json").open()] for folder in (one, other))
    assert [line.keys() for line in ours] == [line.keys() for line in theirs]
    for mine, other in zip(ours, theirs, strict=True):
        for name in mine.keys() - {"time", "data_time", "eta_seconds"}:
            assert abs(mine[name] - other[name]) <= 1e-4 * abs(other[name]) + 1e-6, name


def test_one_process_writes_and_it_writes_what_one_process_writes(runs):
    assert_written_alike(runs.folder / "two", runs.folder / "one")


def test_lost_gradients_end_the_run_in_both_processes(runs):
    for of_process in runs.two:
        assert "the processes no longer train the same model: backbone." in of_process["hooks"]
        assert "has other bits in process 1 than in process 0; the run has ended here" in of_process["hooks"]
    assert not (runs.folder / "hooks" / "model_0000.pth").exists()


@pytest.mark.slow
def test_prototypes_of_the_own_images_are_seen(slow_runs):
    for of_process, own in zip(slow_runs.two, (6, 4), strict=True):
        assert f"8 identities need an image each, {own} have one" in of_process["prototypes"]


def test_buffers_that_differ_by_rounding_become_the_firsts_and_by_more_end_the_run(runs):
    first, second = runs.two
    assert torch.equal(first["near"], second["near"])
    for of_process in runs.two:
        assert "running_mean differs by more than 1e-05 in process 1 from process 0" in of_process["far"]


@pytest.mark.slow
def test_a_process_that_does_not_see_the_folder_ends_the_run(slow_runs):
    for of_process in slow_runs.two:
        assert "would go on after 4 steps of the run, process 1 on" in of_process["blind"]
        assert "after 0: they do not see the same OUTPUT_DIR" in of_process["blind"]


def test_a_run_that_begins_asks_whether_all_see_its_folder(runs):
    for of_process in runs.two:
        assert of_process["shared folder"] == "seen"
        assert (
            "of 0 of process 1 is not" in of_process["own folders"]
            or "of 1 of process 1 is not" in of_process["own folders"]
        )
        assert "the folder that process 0 writes to; expected one that all machines see" in of_process["own folders"]


def test_a_run_of_one_process_goes_on_in_two_inside_an_epoch(runs):
    for of_process in runs.two:
        assert len(of_process["resumed"]["losses"]) == 2
        assert_ends_alike(runs.one["train"], of_process["resumed"])


def test_a_run_of_two_processes_goes_on_in_one_inside_an_epoch(runs, tiny_data, tmp_path):
    stopped_inside_an_epoch(runs.folder / "two", tmp_path / "two to one")
    ended = jobs.many({"": training(str(tiny_data), tmp_path / "two to one", resume=True)})[""]
    assert len(ended["losses"]) == 2
    assert_ends_alike(runs.one["train"], ended)
