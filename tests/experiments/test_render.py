import json
import re
from dataclasses import replace

import pytest

from dcac_fastreid.errors import InputError
from dcac_fastreid.experiments import render
from dcac_fastreid.experiments.html import as_html
from dcac_fastreid.experiments.protocols import TableSpec
from dcac_fastreid.experiments.render import as_json, as_markdown, as_text, write_table
from dcac_fastreid.experiments.table import build_table


def line_of(text: str, name: str, which: int = 0) -> list[str]:
    """Cells of the Markdown line that begins with a name."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    return [cells[1:] for cells in lines if cells[0] == name][which]


def test_markdown_has_the_papers_shape(table):
    text = as_markdown(table)
    header = next(line for line in text.splitlines() if "MA -> D mAP" in line)
    names = ["", "average mAP", "average R1", "MA -> D mAP", "MA -> D R1", "MA -> MS mAP", "MA -> MS R1", "C3 -> D mAP"]
    assert [cell.strip() for cell in header.split("|")[1:-2]] == names
    assert line_of(text, "DCAC")[2:5] == ["33.0 ± 1.0 (n=3) [a]", "25.0 ± 0.0 (n=3) [a]", "43.0 ± 1.0 (n=3)"]
    assert line_of(text, "DCAC")[6] == "not run"
    assert line_of(text, "Baseline")[6] == "20.0 (n=1)"


def test_published_stands_below_with_the_difference(table):
    text = as_markdown(table)
    assert line_of(text, "- paper")[2:4] == ["50.0", "60.0"]
    assert line_of(text, "- difference to the paper")[2:4] == ["-17.0", "-35.0"]


def test_without_published_there_are_no_such_lines(spec, make_result):
    assert "paper" not in as_text(build_table(spec, [make_result("dcac", 0, 30.0)], published=False))


def test_verdicts_stand_with_their_intervals(table):
    compared = line_of(as_markdown(table), "DCAC", 1)
    assert compared[:2] == ["+2.0 [+2.0, +2.0] better [a,c]", "+2.0 [+2.0, +2.0] better [a]"]
    assert compared[3:] == ["not run"]
    assert "| mAP minus Baseline " in as_markdown(table)


def test_each_data_set_and_the_parts_of_the_variance_stand_below(spec, make_result):
    levels = {("baseline", 1): 30.0, ("baseline", 2): 40.0, ("dcac", 1): 32.0, ("dcac", 2): 45.0}
    results = [
        make_result(name, seed, level + seed * (name == "dcac"), data_seed=data_seed)
        for (name, data_seed), level in levels.items()
        for seed in (-1, 1)
    ]
    table = build_table(spec, results, published=False)
    text = as_markdown(table)
    heads = [line for line in text.splitlines() if line.startswith("| mAP minus Baseline, average ")]
    names = [[cell.strip() for cell in head.split("|")[2:-1]] for head in heads]
    parts = ["training seeds", "people", "queries", "seed and query", "data sets"]
    assert names == [["data set 1", "data set 2"], ["standard error", *parts]]
    # Trainings 1 and -1: variance 2 of the difference, half of that on each data set, a quarter over both. Data sets 2 and 5
    # have 4.5, of which 1 is theirs by the trainings, and half of 3.5 is left.
    assert [cell.split(" [")[0] for cell in line_of(text, "DCAC", 3)] == ["+2.0", "+5.0"]
    assert line_of(text, "DCAC", 4) == ["0.71", "22 %", "0 %", "0 %", "0 %", "78 %"]
    assert "for the given data sets (1, 2)" in text and "the standard error do not cover it" in text
    page = as_html(table, "again")
    assert "<th>data set 2</th>" in page and "<td>78 %</td>" in page and "<th>standard error</th>" in page


def test_one_data_set_has_no_column_of_its_own(table):
    text = as_markdown(table)
    assert "data set" not in text.replace("these data sets", "") and "| standard error " in text


@pytest.mark.parametrize("form", [as_text, as_markdown])
def test_a_reader_sees_labels_and_no_names(table, told, form):
    for text in map(form, (table, told)):
        assert "row minus Baseline in percentage points" in text and "DCAC (Class-wise)" in text
        assert not re.search(r"\b(baseline|dcac|class)\b", text)


def test_telemetry_stands_below_four_columns_at_a_time(told):
    text = as_markdown(told)
    headers = [line for line in text.splitlines() if line.startswith("| telemetry ")]
    assert [[cell.strip() for cell in line.split("|")[2:-1]] for line in headers] == [
        ["noise_loss_0_250", "condition_entropy", "condition_top1", "gradient_ratio"],
        ["lora_displacement"],
    ]
    first, second = (text.index(header) for header in headers)
    assert line_of(text[first:second], "DCAC") == ["0.45", "2", "0.25", "0.0015"]
    assert line_of(text[first:second], "Baseline") == ["-"] * 4
    assert line_of(text[second:], "DCAC") == ["1.5e-05"]
    assert line_of(text[second:], "DCAC (Class-wise)") == ["not run"]
    assert "Telemetry: mean over the row's runs" in text


@pytest.mark.parametrize("form", [as_text, as_markdown])
def test_without_telemetry_there_is_no_such_table(table, form):
    assert "elemetry" not in form(table)


@pytest.mark.parametrize("form", [as_text, as_markdown])
def test_marks_are_explained_in_every_form(table, form):
    text = form(table)
    assert "[a] picked by its result on D" in text
    assert "[b] average over 2 of 3 columns" in text


def test_seeds_are_counted_once_where_all_cells_have_as_many(spec, make_result):
    results = [make_result("dcac", seed, 30.0, source) for seed in range(2) for source in ("MA", "C3")]
    text = as_text(build_table(spec, results, published=False))
    assert "over 2 seeds" in text and "n=" not in text


def test_twelve_pairs_become_a_grid_for_each_source():
    names = ("MA", "D", "MS", "C3")
    columns = tuple((source, target) for source in names for target in names if source != target)
    text = as_text(build_table(TableSpec("2", "T", ("baseline",), "baseline", columns, {}), [], published=False))
    headers = [line.split("  ") for line in text.splitlines() if "->" in line]
    assert [sum("mAP" in cell for cell in header) for header in headers] == [4, 3, 3, 3]


def test_json_has_everything(table):
    content = json.loads(as_json(table, "reproduce --table 7"))
    assert content["command"] == "reproduce --table 7"
    assert (content["reference"], content["rows"][1]["name"], content["rows"][1]["label"]) == (
        "baseline",
        "dcac",
        "DCAC",
    )
    score = content["rows"][1]["cells"][0]["scores"]["mAP"]
    assert score["by_seed"] == {"0": 32.0, "1": 33.0, "2": 34.0}
    assert score["comparison"]["verdict"] == "better" and score["comparison"]["seeds"] == {"MA": 3}
    assert content["rows"][1]["cells"][0]["marks"] == ["picked by its result on D"]
    assert content["runs"][0]["telemetry"] == {"telemetry/reid_gradient": 0.25}
    assert "queries" not in content["runs"][0]


def test_json_knows_no_nan(spec, make_result):
    result = make_result("dcac", 0, 30.0)
    result["telemetry"]["telemetry/reid_gradient"] = float("nan")
    content = json.loads(as_json(build_table(spec, [result], published=False), ""))
    assert content["runs"][0]["telemetry"] == {"telemetry/reid_gradient": None}


def test_a_file_for_each_form_and_plot(table, tmp_path):
    paths = write_table(table, tmp_path / "tables", "table-7", "reproduce --table 7")
    endings = ("-mAP.svg", "-R1.svg", ".txt", ".md", ".json", ".html")
    assert [path.name for path in paths] == [f"table-7{ending}" for ending in endings]
    assert sorted(path.name for path in (tmp_path / "tables").iterdir()) == sorted(path.name for path in paths)
    plots, pages = paths[:2], paths[2:]
    assert all("picked by its result on D" in path.read_text() for path in pages)
    assert all("reproduce --table 7" in path.read_text() for path in pages)
    markdown = (tmp_path / "tables" / "table-7.md").read_text()
    assert all(f"]({path.name})" in markdown and path.read_text().startswith("<svg") for path in plots)


def test_no_plots_without_a_comparison(spec, make_result, tmp_path):
    alone = build_table(
        replace(spec, rows=("dcac",), reference="dcac"), [make_result("dcac", 0, 30.0)], published=False
    )
    assert {path.suffix for path in write_table(alone, tmp_path, "t", "")} == {".txt", ".md", ".json", ".html"}
    assert "svg" not in (tmp_path / "t.md").read_text()


def test_a_table_that_cannot_be_drawn_leaves_the_old_files(table, tmp_path, monkeypatch):
    old = {path: path.read_text() for path in write_table(table, tmp_path, "t", "old")}

    def fail(*_):
        raise RuntimeError("no picture")

    monkeypatch.setattr(render, "as_html", fail)
    with pytest.raises(RuntimeError, match="no picture"):
        write_table(table, tmp_path, "t", "new")
    assert {path: path.read_text() for path in tmp_path.iterdir()} == old


def test_a_folder_that_cannot_be_made_is_a_sentence(table, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="could not be written"):
        write_table(table, tmp_path / "file", "t", "")
