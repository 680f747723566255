import copy

import pytest

from dcac_fastreid.experiments import demo

ROWS = {
    demo.UNTRAINED: {demo.SOURCE: {"mAP": 10.0, "Rank-1": 1.0}, demo.TARGET: {"mAP": 8.0, "Rank-1": 2.0}},
    demo.BASELINE: {demo.SOURCE: {"mAP": 60.0, "Rank-1": 3.0}, demo.TARGET: {"mAP": 20.0, "Rank-1": 4.0}},
    demo.DCAC: {demo.SOURCE: {"mAP": 61.0, "Rank-1": 5.0}, demo.TARGET: {"mAP": 21.0, "Rank-1": 6.0}},
}


def test_the_rows_are_trained_and_tested_on_both_domains(configs, tiny_world, tmp_path):
    opts = ["DATASETS.ROOT", str(tiny_world), "SOLVER.IMS_PER_BATCH", 16, "SOLVER.MAX_EPOCH", 1]
    rows = demo.run_demo(str(configs / "synthetic"), str(tmp_path), opts)
    assert list(rows) == [demo.UNTRAINED, demo.BASELINE, demo.DCAC]
    assert all(0 < scores[name]["mAP"] <= 100 for scores in rows.values() for name in (demo.SOURCE, demo.TARGET))
    assert len(list(tmp_path.rglob("model_final.pth"))) == 2


def test_good_rows_pass():
    assert demo.failures(ROWS) == []


@pytest.mark.parametrize(
    ("row", "dataset", "value", "message"),
    [
        (demo.BASELINE, demo.SOURCE, 19.9, "baseline: source mAP 19.9 is below twice the untrained 10.0"),
        (demo.DCAC, demo.TARGET, 10.3, "DCAC: target mAP 10.3 is below 1.3 times the untrained 8.0"),
        (demo.DCAC, demo.TARGET, 61.0, "DCAC: target mAP 61.0 is not below the source's 61.0"),
        (demo.DCAC, demo.SOURCE, float("nan"), "DCAC: source mAP nan is below twice the untrained 10.0"),
    ],
)
def test_a_row_that_learned_too_little_is_named(row, dataset, value, message):
    rows = copy.deepcopy(ROWS)
    rows[row][dataset]["mAP"] = value
    assert message in demo.failures(rows)


def test_table_shows_every_number_in_its_place():
    lines = demo.table(ROWS).splitlines()
    assert [cell.strip() for cell in lines[-1].split("|")[1:-1]] == ["DCAC", "61.0", "5.0", "21.0", "6.0"]
