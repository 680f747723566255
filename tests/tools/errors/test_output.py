"""Folders that cannot be written: the run's own, and the cache."""

import re
import resource
from pathlib import Path

import pytest
import torch

from .case import DCAC, Case, command, write


def earlier_run(tmp, data_root):
    (tmp / "out").mkdir()
    torch.save({"model": {}}, tmp / "out" / "model_final.pth")


CASES = [
    Case(
        "weights of an earlier run in the same folder",
        "model_final.pth lies in OUTPUT_DIR.*choose another OUTPUT_DIR",
        "MODEL.WEIGHTS {tmp}/out/model_final.pth",
        arrange=earlier_run,
        starts=True,
    ),
    Case(
        "output below a file",
        "OUTPUT_DIR leads to {tmp}/a/out, but {tmp}/a is a file",
        "OUTPUT_DIR {tmp}/a/out",
        arrange=write("a", ""),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_wrong_input_ends_in_one_sentence(case, stops):
    stops(case)


def test_a_full_disk_at_a_save_leaves_nothing_half_written(train_net, data_root, tmp_path):
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, limit[1]))  # no file above 2 MB, as on a disk that is full
    try:
        status, written = train_net(
            *command(Case("full disk", "", "DATALOADER.CACHE_IMAGES False"), tmp_path, data_root)
        )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert status == 2 and "Traceback" not in written
    assert "model_final.pth could not be written" in written and "go on with --resume" in written
    assert list((tmp_path / "out").glob("*.pth*")) == []


@pytest.mark.parametrize("where", ["the variable", "the home folder"])
def test_a_cache_folder_that_cannot_be_written_is_told_before_all_else(
    train_net, data_root, tmp_path, monkeypatch, where
):
    (tmp_path / "file").touch()
    monkeypatch.delenv("DCAC_FASTREID_CACHE")
    name, value = ("DCAC_FASTREID_CACHE", "file/a") if where == "the variable" else ("HOME", "file")
    monkeypatch.setenv(name, str(tmp_path / value))
    status, written = train_net(*command(Case("cache", "", config=DCAC), tmp_path, data_root))
    assert status == 2 and not (tmp_path / "out").exists()
    assert re.search(
        rf"the cache folder is {tmp_path}/file/.*, but .*file is a file; set .* DCAC_FASTREID_CACHE", written
    )
    evaluation = Case("no cache is needed", "", "--eval-only MODEL.WEIGHTS none.pth", config=DCAC)
    assert "no file none.pth" in train_net(*command(evaluation, tmp_path, data_root))[1]


def test_an_output_folder_that_may_not_be_written(train_net, data_root, tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: Path(path) != tmp_path)  # as root, every folder may
    status, written = train_net(*command(Case("no access", ""), tmp_path, data_root))
    assert status == 2 and "Traceback" not in written
    assert f"OUTPUT_DIR leads to {tmp_path}/out, but {tmp_path} cannot be written" in written
