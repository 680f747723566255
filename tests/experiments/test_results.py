"""The file that a finished training leaves: nothing is lost, little is written, damage is one sentence."""

import json

import pytest

from dcac_fastreid.errors import InputError
from dcac_fastreid.experiments.results import read_result, write_result

RESULT = {
    "row": "dcac", "source": "MA", "seed": 0, "data_seed": 1, "fingerprint": "0123456789", "scores": {"D": {"mAP": 43.2101}},
    "queries": {"D": {"AP": [100.0, 57.36, 0.05, 3.0], "Rank-1": [100.0, 100.0, 0.0, 0.0], "person": [7, 7, 8, 7]}},
    "stamp": {}, "marks": {}, "seconds": 41.2, "telemetry": {},
}  # fmt: skip


def test_what_is_written_is_read(tmp_path):
    write_result(tmp_path / "result.json", RESULT)
    assert read_result(tmp_path / "result.json") == RESULT


def test_a_result_of_four_tests_with_400_queries_each_is_small_and_has_an_entry_a_line(tmp_path):
    of_target = {
        "AP": [12.34567 + step / 7 for step in range(400)],
        "Rank-1": 200 * [0.0, 100.0],
        "person": [number // 5 for number in range(400)],
    }
    write_result(tmp_path / "result.json", {**RESULT, "queries": dict.fromkeys(("MA", "D", "MS", "C3"), of_target)})
    text = (tmp_path / "result.json").read_text()
    assert len(text) < 16_000 and len(text.splitlines()) == len(RESULT) + 2
    assert read_result(tmp_path / "result.json")["queries"]["MS"]["AP"][1] == 12.49


def test_a_result_of_before_people_were_kept_is_read(tmp_path):
    queries = {"D": {"AP": [50.0, 1.0], "Rank-1": [0.0, 100.0]}}
    (tmp_path / "result.json").write_text(json.dumps({**RESULT, "queries": queries}))
    assert read_result(tmp_path / "result.json")["queries"] == queries


@pytest.mark.parametrize("name", ["row", "source", "seed", "scores", "stamp", "marks", "seconds", "telemetry"])
def test_a_result_without_one_of_its_entries_is_one_sentence(tmp_path, name):
    (tmp_path / "result.json").write_text(json.dumps({key: value for key, value in RESULT.items() if key != name}))
    with pytest.raises(InputError, match="is no result of a training, or damaged; remove it"):
        read_result(tmp_path / "result.json")


@pytest.mark.parametrize(
    "queries",
    [
        [], {"D": []}, {"D": {"AP": 3}}, {"D": {"AP": [1.0], "Rank-1": "2", "person": [[1, 1]]}}, {"D": {"AP": [], "Rank-1": ""}},
        {"D": {"AP": [1.0], "Rank-1": "10", "person": [[1, 2]]}}, {"D": {"AP": [1.0], "Rank-1": "1", "person": [1]}},
    ],
    ids=str,
)  # fmt: skip
def test_damaged_queries_are_one_sentence(tmp_path, queries):
    (tmp_path / "result.json").write_text(json.dumps({**RESULT, "queries": queries}))
    with pytest.raises(InputError, match="is no result of a training, or damaged; remove it"):
        read_result(tmp_path / "result.json")
