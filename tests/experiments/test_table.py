from dataclasses import replace

import pytest

from dcac_fastreid.errors import InputError
from dcac_fastreid.experiments.table import build_table

PICKED = "picked by its result on D"


def row(table, name):
    return next(row for row in table.rows if row.name == name)


def test_a_row_has_its_name_and_the_papers_label(table):
    assert [(row.name, row.label) for row in table.rows] == [
        ("baseline", "Baseline"),
        ("dcac", "DCAC"),
        ("class", "DCAC (Class-wise)"),
    ]
    assert table.reference == "baseline" and {run["row"] for run in table.runs} == {"baseline", "dcac"}


def test_telemetry_is_the_mean_over_the_runs_that_have_it(told):
    assert row(told, "dcac").telemetry == {
        "noise_loss_0_250": pytest.approx(0.45),
        "condition_entropy": 2.0,
        "condition_top1": 0.25,
        "gradient_ratio": pytest.approx(0.0015),
        "lora_displacement": 1.5e-5,
    }
    assert row(told, "baseline").telemetry == row(told, "class").telemetry == {}


def test_cell_has_mean_and_deviation_over_seeds(table):
    score = row(table, "dcac").cells[0].scores["mAP"]
    assert (score.mean, score.deviation, score.by_seed) == (33.0, 1.0, {0: 32.0, 1: 33.0, 2: 34.0})
    assert row(table, "dcac").cells[1].scores["mAP"].mean == 43.0
    assert row(table, "dcac").cells[1].scores["Rank-1"].mean == 25.0


def test_comparison_is_with_the_reference_row(table):
    comparison = row(table, "dcac").cells[0].scores["mAP"].comparison
    assert (comparison.difference, comparison.verdict, comparison.seeds) == (2.0, "better", {"MA": 3})
    assert row(table, "dcac").cells[0].scores["Rank-1"].comparison.verdict == "within noise"
    assert row(table, "baseline").cells[0].scores["mAP"].comparison is None


def test_what_did_not_run_is_empty_and_keeps_the_papers_number(table):
    score = row(table, "dcac").cells[2].scores["mAP"]
    assert (score.mean, score.by_seed, score.published, score.to_published) == (None, {}, 50.0, None)
    assert score.comparison is None
    assert row(table, "class").average.scores["mAP"].mean is None


def test_published_pair_stands_in_its_own_metric(table):
    scores = row(table, "dcac").cells[0].scores
    assert (scores["mAP"].published, scores["mAP"].to_published) == (50.0, -17.0)
    assert (scores["Rank-1"].published, scores["Rank-1"].to_published) == (60.0, -35.0)


def test_published_can_be_left_out(spec, make_result):
    table = build_table(spec, [make_result("dcac", 0, 30.0)], published=False)
    assert {score.published for r in table.rows for cell in r.cells for score in cell.scores.values()} == {None}


def test_average_is_over_the_columns_that_ran_and_says_so(table):
    average = row(table, "dcac").average
    assert average.scores["mAP"].mean == 38.0
    assert average.scores["mAP"].by_seed == {0: 37.0, 1: 38.0, 2: 39.0}
    assert average.marks == (PICKED, "average over 2 of 3 columns")
    assert average.scores["mAP"].published is None  # the paper's average would be over other columns
    assert average.scores["mAP"].comparison.columns == (("MA", "D"), ("MA", "MS"))
    assert "compared over 2 of 3 columns" in average.comparison_marks


def test_average_of_all_columns_has_the_papers(spec, make_result):
    results = [make_result("dcac", 0, 30.0, source) for source in ("MA", "C3")]
    average = row(build_table(spec, results, published=True), "dcac").average
    assert average.marks == ()
    assert average.scores["mAP"].to_published == pytest.approx(100 / 3 - 50)


def test_average_over_seeds_takes_those_of_all_columns(spec, make_result):
    results = [make_result("dcac", seed, 30.0 + seed) for seed in range(3)] + [make_result("dcac", 2, 50.0, "C3")]
    score = row(build_table(spec, results, published=False), "dcac").average.scores["mAP"]
    assert score.by_seed == {2: pytest.approx((32 + 42 + 50) / 3)}
    assert score.mean == pytest.approx((31 + 41 + 50) / 3)


def test_marks_stand_at_their_own_target_and_at_the_average(table):
    dcac, baseline = row(table, "dcac"), row(table, "baseline")
    assert [cell.marks for cell in dcac.cells] == [(PICKED,), (), ()]
    assert [cell.comparison_marks for cell in dcac.cells] == [(PICKED,), (), ()]
    assert PICKED in dcac.average.marks and PICKED in dcac.average.comparison_marks
    assert baseline.cells[0].marks == ()


def test_the_average_has_the_marks_of_all_targets(spec, make_result):
    result = make_result("dcac", 0, 30.0, marks={"D": [PICKED], "MS": ["odd"], "C3": ["not in this table"]})
    dcac = row(build_table(replace(spec, columns=(("MA", "D"), ("MA", "MS"))), [result], published=False), "dcac")
    assert [cell.marks for cell in (*dcac.cells, dcac.average)] == [(PICKED,), ("odd",), (PICKED, "odd")]


def test_marks_of_the_reference_stand_at_the_comparisons_with_it(spec, make_result):
    results = [make_result("baseline", seed, 30.0, marks={"D": [PICKED]}) for seed in range(2)]
    results += [make_result("dcac", seed, 31.0) for seed in range(2)]
    dcac = row(build_table(spec, results, published=False), "dcac")
    assert (dcac.cells[0].marks, dcac.cells[0].comparison_marks) == ((), (PICKED,))
    assert PICKED in dcac.average.comparison_marks


def test_one_seed_is_said(spec, make_result):
    table = build_table(spec, [make_result(name, 0, 30.0) for name in ("baseline", "dcac")], published=False)
    cell = row(table, "dcac").cells[0]
    assert cell.scores["mAP"].deviation is None
    assert cell.comparison_marks == ("one seed: the interval covers the people, not the noise of training",)


def test_seeds_that_one_row_lacks_are_said(spec, make_result):
    results = [make_result("baseline", seed, 30.0) for seed in range(3)]
    results += [make_result("dcac", seed, 31.0) for seed in range(2)]
    cell = row(build_table(spec, results, published=False), "dcac").cells[0]
    assert cell.scores["mAP"].comparison.seeds == {"MA": 2}
    assert cell.comparison_marks == ("paired over the seeds in common with Baseline: 2 on MA",)


def test_rows_without_a_common_seed_are_noted_and_not_compared(spec, make_result):
    table = build_table(spec, [make_result("baseline", 0, 30.0), make_result("dcac", 1, 31.0)], published=False)
    assert row(table, "dcac").cells[0].scores["mAP"].comparison is None
    assert table.notes[0] == "DCAC, MA -> D: not compared, because no seed (1) is among those of Baseline (0)."
    assert len(table.notes) == len(set(table.notes)) == 2


def test_results_of_other_rows_and_sources_are_left_aside(spec, make_result):
    table = build_table(spec, [make_result("frozen", 0, 1.0), make_result("dcac", 0, 1.0, "MS")], published=False)
    assert table.runs == ()


def test_two_results_of_one_run_are_an_error(spec, make_result):
    with pytest.raises(InputError, match="two results of row dcac, source MA, seed 0"):
        build_table(spec, [make_result("dcac", 0, 30.0)] * 2, published=False)


def test_a_single_column_is_its_own_average(spec, make_result):
    table = build_table(replace(spec, columns=(("MA", "D"),)), [make_result("dcac", 0, 30.0)], published=False)
    assert row(table, "dcac").average == row(table, "dcac").cells[0]


def test_run_metadata_that_differ_are_said_with_the_runs_that_hold_them(spec, make_result):
    clean, changed = "a" * 40, "a" * 40 + "+changes-12345678"
    results = [
        make_result(
            row, seed, 30.0, stamp={"versions": {"commit": commit}, "data": {"images": 7}, "seed": seed, "size": size}
        )
        for row, seed, commit, size in (("baseline", 0, clean, None), ("dcac", 0, changed, 8), ("dcac", 1, changed, 8))
    ]
    table = build_table(spec, results, published=False)
    assert table.notes == (
        "Run metadata differ in versions.commit: aaaaaaaaaaaa...aaaaaaaaaaaaaaaaa in 1 run (Baseline on MA); "
        "aaaaaaaaaaaa...+changes-12345678 in 2 runs (DCAC on MA).",
    )
    assert table.stamp["data.images"] == ("7",)
    assert table.stamp["seed"] == ("0", "1")
    assert table.stamp["size"] == ("8",)


def test_runs_resumed_under_another_version_are_counted(spec, make_result):
    earlier = {"versions": {"commit": "b" * 40}}
    stamps = [{"commit": "a"}, {"commit": "a", "before_resuming": [earlier]}, {"commit": "a", "before_resuming": []}]
    results = [make_result("dcac", seed, 30.0, stamp=stamp) for seed, stamp in enumerate(stamps)]
    table = build_table(spec, results, published=False)
    assert table.notes == (
        "1 run (DCAC on MA) was interrupted and resumed under another version: of the code, the libraries, the data or the "
        "device.",
    )
    assert table.stamp == {"commit": ("a",)}


def test_a_cell_is_the_mean_over_data_sets_and_its_comparison_knows_each(spec, make_result):
    gains = {1: 2.0, 2: 4.0}
    results = [
        make_result(name, seed, 30.0 + 10 * data_seed + gains[data_seed] * (name == "dcac"), data_seed=data_seed)
        for name in ("baseline", "dcac")
        for data_seed in gains
        for seed in range(2)
    ]
    table = build_table(spec, results, published=False)
    score = row(table, "dcac").cells[0].scores["mAP"]
    assert table.data_seeds == (1, 2) and (score.mean, score.by_seed) == (48.0, {0: 48.0, 1: 48.0})
    own = [(on.data_seed, on.difference) for on in score.comparison.data_sets]
    assert (own, score.comparison.difference) == ([(1, 2.0), (2, 4.0)], 3.0)
    assert (score.comparison.persons, score.comparison.queries) == ({"D": 2}, {"D": 4})
    assert row(table, "dcac").average.marks == ("average over 4 of 6 columns and data sets",)


def test_a_data_set_that_one_row_lacks_is_said(spec, make_result):
    results = [make_result("baseline", 0, 30.0, data_seed=data_seed) for data_seed in (1, 2)]
    cell = row(build_table(spec, [*results, make_result("dcac", 0, 31.0, data_seed=2)], published=False), "dcac").cells[
        0
    ]
    assert cell.marks == ("average over 1 of 2 columns and data sets",)
    assert "compared over 1 of 2 columns and data sets" in cell.comparison_marks


def test_run_metadata_of_different_data_sets_do_not_differ(spec, make_result):
    results = [make_result("dcac", 0, 30.0, data_seed=seed, stamp={"drawn_world": {"seed": seed}}) for seed in (1, 2)]
    assert build_table(spec, results, published=False).notes == ()
    results.append(make_result("dcac", 1, 30.0, data_seed=2, stamp={"drawn_world": {"seed": 9}}))
    assert "Run metadata differ in drawn_world.seed" in build_table(spec, results, published=False).notes[0]


def test_code_that_differs_between_data_sets_is_said(spec, make_result):
    results = [
        make_result("dcac", 0, 30.0, data_seed=seed, stamp={"drawn_world": {"seed": seed}, "commit": f"commit {seed}"})
        for seed in (1, 2)
    ]
    assert build_table(spec, results, published=False).notes == (
        "Run metadata differ in commit: commit 1 in 1 run (DCAC on MA); commit 2 in 1 run (DCAC on MA).",
    )


def test_numbers_of_seeds_are_compared_on_each_data_set(spec, make_result):
    def marks(runs):
        return row(build_table(spec, runs, published=False), "dcac").cells[0].comparison_marks

    baseline = [
        make_result("baseline", *run, data_seed=data) for run, data in (((0, 3.0), 1), ((1, 4.0), 1), ((0, 5.0), 2))
    ]
    dcac = [{**run, "row": "dcac"} for run in baseline]
    one = "one seed on MA (data set 2): the noise of training there is taken to be that of the sources with several"
    assert marks([*baseline, *dcac]) == (one,)
    more = make_result("baseline", 1, 6.0, data_seed=2)
    assert marks([*baseline, more, *dcac]) == (
        one,
        "paired over the seeds in common with Baseline: 1 on MA (data set 2)",
    )


def test_seeds_in_common_on_each_column_and_not_on_all_are_noted(spec, make_result):
    results = [make_result(name, seed, 30.0) for name in ("baseline", "dcac") for seed in range(2)]
    del results[2]["queries"]["D"], results[3]["queries"]["MS"]
    table = build_table(replace(spec, columns=(("MA", "D"), ("MA", "MS"))), results, published=False)
    *cells, average = (*row(table, "dcac").cells, row(table, "dcac").average)
    assert [cell.scores["mAP"].comparison.seeds for cell in cells] == [{"MA": 1}, {"MA": 1}]
    assert average.scores["mAP"].comparison is None
    assert table.notes == tuple(
        f"DCAC, MA -> {target}: not in the average's comparison, because no seed that DCAC and Baseline have in common has all "
        "targets of MA."
        for target in ("D", "MS")
    )


def test_results_without_people_count_queries_alone_and_say_so(spec, make_result):
    results = [make_result(name, seed, 30.0) for name in ("baseline", "dcac") for seed in range(2)]
    for of_target in results[0]["queries"].values():
        del of_target["person"]
    table = build_table(spec, results, published=False)
    assert row(table, "dcac").cells[0].scores["mAP"].comparison.persons == {"D": 4}
    assert table.notes[0].startswith("Who the queries on D, MS show is not told by every result")


def test_other_people_are_an_error(spec, make_result):
    results = [make_result("dcac", seed, 30.0) for seed in range(2)]
    results[0]["queries"]["D"]["person"] = [1, 2, 2, 2]
    with pytest.raises(InputError, match="the people of the queries on D differ between the results"):
        build_table(spec, results, published=False)
