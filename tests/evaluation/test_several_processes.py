"""One, two and three processes evaluate alike, by gloo: same features, same scores to the bit, one table, one line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import dcac_fastreid

from . import several_processes
from .several_processes import BATCHES, SETTINGS


@pytest.fixture(scope="module", params=["1 and 3", pytest.param("1 and 2", marks=pytest.mark.slow)])
def numbers(request) -> list[int]:
    """Of processes."""
    return [int(number) for number in request.param.split(" and ")]


@pytest.fixture(scope="module")
def folder(numbers, configs, tiny_data, tmp_path_factory) -> Path:
    """What all processes found; see several_processes.py."""
    out = tmp_path_factory.mktemp("several")
    cfg = dcac_fastreid.load_config(
        str(configs / "synthetic" / "baseline" / "ma_ms.yml"),
        [
            "MODEL.DEVICE", "cpu",
            "DATASETS.ROOT", str(tiny_data),
            "DATALOADER.NUM_WORKERS", 0,
            "TEST.FLIP.ENABLED", True,
            "OUTPUT_DIR", str(out),
        ],
    )  # fmt: skip
    (out / "config.yaml").write_text(cfg.dump())
    subprocess.run(
        [sys.executable, several_processes.__file__, str(out / "config.yaml"), str(out), *map(str, numbers)],
        check=True,
        timeout=200,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    return out


@pytest.fixture(scope="module")
def found(numbers, folder) -> dict[int, list[dict]]:
    """By number of processes, of each."""
    return {
        number: [torch.load(folder / f"{number}-{rank}.pt", weights_only=False) for rank in range(number)]
        for number in numbers
    }


@pytest.mark.parametrize("setting", SETTINGS)
def test_scores_of_all_queries_are_those_of_one_process(found, setting):
    alone = found[1][0][setting]
    assert len(alone["queries"]["AP"]) == several_processes.QUERIES and 0 < alone["mAP"] < 100
    for number in found:
        for of_process in found[number]:
            assert of_process[setting] == alone, f"{number} processes"


def test_settings_differ(found):
    assert len({found[1][0][setting]["mAP"] for setting in SETTINGS}) == len(SETTINGS)


def test_an_error_in_one_process_is_told_by_all(found):
    assert found[1][0]["error"].startswith("query 50 has a distance that is NaN")
    assert {of_process["error"] for number in found for of_process in found[number]} == {found[1][0]["error"]}


def test_a_setting_that_does_not_fit_ends_every_process_with_the_same_sentence(found):
    for number in found:
        for of_process in found[number]:
            assert of_process["a setting"].startswith("re-ranking needs 1 <= TEST.RERANK.K2")


@pytest.mark.parametrize("batch", BATCHES)
def test_every_image_is_tested_once_in_the_batches_of_one_process(found, batch):
    (alone,) = (of_process[batch]["seen"] for of_process in found[1])
    images = [path for paths in alone for path in paths]
    assert len(set(images)) == len(images) == 30 and len(alone) == {7: 5, 32: 1}[batch]
    for number in found:
        parts = [of_process[batch]["seen"] for of_process in found[number]]
        assert [paths for part in parts for paths in part] == alone
        assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("batch", BATCHES)
def test_a_test_has_the_results_of_one_process_in_the_first(found, batch):
    expected = found[1][0][batch]["results"]
    assert 0 < expected["mAP"] < 100
    for number in found:
        first, *others = (of_process[batch]["results"] for of_process in found[number])
        assert first == expected, f"{number} processes"
        assert not any(others)


def test_the_first_process_alone_shows_tables_and_writes_a_line(numbers, folder):
    for number in numbers:
        first, *others = ((folder / f"{number}-{rank}.txt").read_text() for rank in range(number))
        assert first.count("tested on") == 2 and first.count("| gallery") == 3, "the third has no scores"
        assert not any(others)
        for batch in BATCHES:
            (line,) = (folder / f"metrics{number}-{batch}.json").read_text().splitlines()
            assert json.loads(line)["mAP"] > 0
