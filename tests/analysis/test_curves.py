import json
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from dcac_fastreid.analysis import curves
from dcac_fastreid.errors import InputError


def write(folder: Path, *lines) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / curves.FILE).write_text(
        "".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines)
    )
    return folder


def test_a_repeated_step_counts_once_and_steps_are_in_order(tmp_path):
    first, second, again = ({"iteration": step, "loss_cls": loss} for step, loss in ((9, 3.0), (19, 2.0), (19, 2.5)))
    folder = write(tmp_path, first, second, {"iteration": 0, "telemetry/x": 1.0}, again, '{"iteration": 29, "loss')
    read = curves.read_metrics(folder / curves.FILE)
    assert read == {"loss_cls": {9: 3.0, 19: 2.5}, "telemetry/x": {0: 1.0}}
    assert list(read["loss_cls"]) == [9, 19]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ((), "has no finished line with a number yet"),
        (({"iteration": 0, "time": 1.0},), "has no losses and no scores, but time"),
        (("no json\n",), "is no metrics.json of fast-reid: a line reads 'no json'"),
        (({"step": 1},), "is no metrics.json of fast-reid"),
        (("[1]\n",), "is no metrics.json of fast-reid"),
        (("[" * 100_000 + "\n",), "is no metrics.json of fast-reid"),
        *(
            (({"iteration": 0, "loss_cls": 1.0}, odd), "is no metrics.json of fast-reid")
            for odd in (
                {"iteration": [1]},
                {"iteration": "1"},
                {"iteration": None},
                {"iteration": 1.5},
                {"iteration": True},
                {"iteration": 1, "loss_cls": "x"},
                {"iteration": 1, "loss_cls": None},
                {"iteration": 1, "loss_cls": [1]},
                {"iteration": 1, "loss_cls": 10**400},
                {"iteration": 1, "loss_cls": {"a": 1}},
            )
        ),
    ],
)
def test_other_files_are_one_sentence(lines, message, tmp_path):
    write(tmp_path, *lines)
    with pytest.raises(InputError, match=message):
        curves.sections([tmp_path])


def test_a_folder_without_metrics_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match=r"there is no .*metrics.json; give the folder of a run"):
        curves.sections([tmp_path])


def test_a_path_that_is_not_there_is_not_taken_for_a_file_of_a_run(tmp_path):
    folder = write(tmp_path, {"iteration": 0, "lr": 1.0})
    with pytest.raises(InputError, match=f"there is no {folder}/ma_m2; give the folder of a run"):
        curves.sections([folder / "ma_m2"])


def test_every_group_has_its_image(trained):
    made = curves.sections([trained["dcac"], trained["baseline"].parent])  # a checkpoint, a folder
    assert [image.name for image in made] == ["curves-losses", "curves-scores", "curves-telemetry"]
    assert all(section.grid.header == ["last value", "dcac", "baseline"] for section in made)
    (alone, _) = curves.sections([trained["baseline"]])  # no telemetry
    assert alone.name == "curves-losses"


def test_one_measurement_is_a_number_and_no_curve(tmp_path):
    one, two = {"iteration": 0, "loss_a": 1.5, "lr": 0.25}, {"iteration": 20, "lr": 0.125}
    losses, scores = curves.sections([write(tmp_path, one, two)])
    assert losses.png is None and losses.panels == [] and losses.grid.rows == [["loss_a", "1.5"]]
    assert "measured once" in losses.caption and "measured once" not in scores.caption
    assert len(scores.panels) == 1 and scores.grid.rows == [["lr", "0.125"]]


def test_runs_of_one_name_have_different_names(tmp_path):
    folders = [write(tmp_path / path, {"iteration": 0, "lr": 1.0}) for path in ("a/ma", "b/ma", "d")]
    (section,) = curves.sections(folders)
    assert section.grid.header[1:] == ["a/ma", "b/ma", "d"]


def test_the_steps_below_a_panel_do_not_touch():
    figure = Figure(figsize=(0.9 * curves.PANEL[0], curves.PANEL[1]))
    axes = figure.subplots()
    curves._draw_panel(axes, {"run": {"lr": dict.fromkeys(range(0, 12_000, 20), 1e-5)}}, "lr")
    figure.draw_without_rendering()
    low, high = axes.get_xlim()
    boxes = [tick.label1.get_window_extent() for tick in axes.xaxis.get_major_ticks() if low <= tick.get_loc() <= high]
    assert len(boxes) > 2 and all(one.x1 + 5 < other.x0 for one, other in zip(boxes, boxes[1:], strict=False))
