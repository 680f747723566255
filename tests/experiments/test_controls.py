"""A table that does not see its controls gives no verdict on other rows."""

from dataclasses import replace

import pytest

from dcac_fastreid.experiments.render import as_json, as_markdown, as_text
from dcac_fastreid.experiments.table import build_table

NO_VERDICT = "No verdict on any row: DCAC (Class-wise) (control) should be better than Baseline in average mAP, and "


@pytest.fixture
def filled(spec, make_result):
    """dcac is 2 points better than the baseline; class, the control, by `gain`, or it did not run."""

    def fill(gain: float | None):
        levels = {"baseline": 30.0, "dcac": 32.0} | ({} if gain is None else {"class": 30.0 + gain})
        results = [make_result(name, seed, level) for name, level in levels.items() for seed in range(3)]
        return build_table(replace(spec, controls=("class",)), results, published=False)

    return fill


def verdicts(table):
    found = {}
    for row in table.rows:
        comparisons = [cell.scores["mAP"].comparison for cell in (*row.cells, row.average)]
        found[row.name] = {comparison.verdict for comparison in comparisons if comparison}
    return found


def test_a_control_that_shows_leaves_the_verdicts(filled):
    table = filled(1.0)
    assert verdicts(table) == {"baseline": set(), "dcac": {"better"}, "class": {"better"}} and not table.notes
    assert [(row.label, row.control) for row in table.rows][1:] == [
        ("DCAC", False),
        ("DCAC (Class-wise) (control)", True),
    ]


@pytest.mark.parametrize(
    "gain, own, why",
    [
        (0.0, {"within noise"}, "this table does not show it"), (-3.0, {"worse"}, "this table does not show it"),
        (None, set(), "it has not run."),
    ],
)  # fmt: skip
def test_a_control_that_does_not_show_takes_the_place_of_the_verdicts(filled, gain, own, why):
    table = filled(gain)
    assert verdicts(table) == {"baseline": set(), "dcac": {"no verdict"}, "class": own}
    assert table.notes[0].startswith(NO_VERDICT + why)
    for text in (as_text(table), as_markdown(table), as_json(table, "")):
        assert NO_VERDICT in text and "no verdict" in text and "better |" not in text


@pytest.mark.parametrize("source, data_seed, where", [("C3", None, "C3 -> D"), ("MA", 5, "MA -> D of data set 5")])
def test_a_control_must_be_compared_wherever_another_row_is(spec, make_result, source, data_seed, where):
    everywhere = [
        make_result(name, seed, 30.0 + gain) for name, gain in (("baseline", 0), ("dcac", 2)) for seed in range(3)
    ]
    everywhere += [{**result, "source": source, "data_seed": data_seed} for result in everywhere]
    control = [make_result("class", seed, 31.0) for seed in range(3)]
    columns = tuple((source, "D") for source in dict.fromkeys(("MA", source)))
    table = build_table(replace(spec, columns=columns, controls=("class",)), [*everywhere, *control], published=False)
    assert table.notes == (f"{NO_VERDICT}it is not compared on {where}, where another row is.",)
    assert verdicts(table) == {"baseline": set(), "dcac": {"no verdict"}, "class": {"better"}}
