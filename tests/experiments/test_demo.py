import copy

import pytest

from dcac_fastreid.experiments import demo

TARGET = "DG_CUHK03NP"


def scores(source: float, targets: float) -> dict:
    return {demo.SOURCE: {"mAP": source, "Rank-1": 1.0}} | {
        name: {"mAP": targets + number, "Rank-1": 2.0 + number} for number, name in enumerate(demo.TARGETS)
    }


ROWS = {
    demo.RANDOM: scores(10.0, 6.0),
    demo.PRETRAINED: scores(15.0, 12.0),
    demo.BASELINE: scores(60.0, 20.0),
    demo.DCAC: scores(61.0, 21.0),
    demo.IMAGE: scores(62.0, 23.0),
    demo.RECOMMENDED: scores(66.0, 26.0),
}


def test_the_rows_are_trained_and_tested_on_all_domains(configs, tiny_data, tmp_path):
    opts = ["DATASETS.ROOT", str(tiny_data), "SOLVER.IMS_PER_BATCH", 16, "SOLVER.MAX_EPOCH", 1]
    rows = demo.run_demo(str(configs / "synthetic"), str(tmp_path), opts)
    assert list(rows) == [demo.RANDOM, demo.PRETRAINED, demo.BASELINE, demo.DCAC, demo.IMAGE, demo.RECOMMENDED]
    assert rows[demo.RANDOM] != rows[demo.PRETRAINED]
    assert all(0 < row[name]["mAP"] <= 100 for row in rows.values() for name in (demo.SOURCE, *demo.TARGETS))
    assert len(list(tmp_path.rglob("model_final.pth"))) == 4


def test_good_rows_pass():
    assert demo.failures(ROWS) == []


@pytest.mark.parametrize(
    ("row", "dataset", "value", "message"),
    [
        (demo.BASELINE, demo.SOURCE, 19.9, "baseline: source mAP 19.9 is below twice the random encoder's 10.0"),
        (demo.DCAC, TARGET, 10.3, "DCAC: mAP 10.3 on C3 is below 1.3 times the random encoder's 8.0"),
        (demo.DCAC, demo.SOURCE, 22.0, "DCAC: the targets' mean mAP 22.0 is not below the source's 22.0"),
        (
            demo.RECOMMENDED,
            demo.SOURCE,
            1.0,
            "recommended settings: source mAP 1.0 is below twice the random encoder's 10.0",
        ),
        (demo.DCAC, demo.SOURCE, float("nan"), "DCAC: source mAP nan is below twice the random encoder's 10.0"),
        (
            demo.BASELINE,
            TARGET,
            -22.0,
            "baseline: the targets' mean mAP 6.3 is not above the pre-trained encoder's 13.0",
        ),
    ],
)
def test_a_row_that_learned_too_little_is_named(row, dataset, value, message):
    rows = copy.deepcopy(ROWS)
    rows[row][dataset]["mAP"] = value
    assert message in demo.failures(rows)


def test_table_shows_every_number_in_its_place():
    cells = [cell.strip() for cell in demo.table(ROWS).splitlines()[-1].split("|")[1:-1]]
    assert cells == ["recommended settings", "66.0", "1.0", "26.0", "2.0", "27.0", "3.0", "28.0", "4.0"]
