"""tools/reproduce.py: its plan, its tables, and what it refuses."""

import argparse
import re
import runpy
import shutil
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from dcac_fastreid import helper_processes
from dcac_fastreid.commands import one_training
from dcac_fastreid.commands import reproduce as reproduce_command
from dcac_fastreid.experiments import gpus, reproduce
from dcac_fastreid.profiling import training_time
from dcac_fastreid.profiling.training_time import StepPrediction

from .reproduce_words import command

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def tool(monkeypatch, capfd):
    """Runs such words in this process; returns the exit status, and what was written to each stream."""

    def tool(words) -> tuple[int, str, str]:
        monkeypatch.chdir(ROOT)
        monkeypatch.setattr(sys, "argv", words[1:])
        status, heard = 0, signal.getsignal(signal.SIGTERM)
        try:
            runpy.run_path(words[1], run_name="__main__")
        except SystemExit as stopped:
            status = stopped.code or 0
        finally:
            signal.signal(signal.SIGTERM, heard)
        return status, *capfd.readouterr()

    return tool


def test_the_process_of_a_training_is_told_how_many_share_it(tiny_data, tmp_path):
    _, _, *words = command(tiny_data, tmp_path, "--num-gpus", "2")
    parser = argparse.ArgumentParser()
    reproduce_command.add_options(parser)
    args = parser.parse_args(words)
    run = SimpleNamespace(cfg=None, row="dcac", source="MA", seed=3)
    _, _, package, name, *rest = one_training.words_for(run, args)
    again = parser.parse_args(rest)
    assert (package, name, again.num_gpus) == ("dcac_fastreid", "reproduce", 2)
    assert again.run[:3] == ["dcac", "MA", "3"] and again.opts == args.opts


@pytest.mark.slow
def test_the_tool_trains_side_by_side_and_makes_the_table(tool, tiny_data, tmp_path):
    asked = ("--rows", "baseline", "--seeds", "2", "--jobs", "2", "--results", str(tmp_path / "kept"))
    words = command(tiny_data, tmp_path, *asked)
    status, written, errors = tool(words)
    assert status == 0, written + errors
    lines = written.splitlines()
    assert lines[0] == "2 runs: 0 done, 0 begun, 2 to train" and lines[2].startswith("[2/2] ")
    assert len(list(tmp_path.glob("baseline/MA/seed?-*/result.json"))) == 2
    assert "not run" in written, "D was not trained on"
    suffixes = {file.suffix for file in (tmp_path / "tables").iterdir()}
    assert suffixes == {".svg", ".txt", ".md", ".json", ".html"}
    assert len(list((tmp_path / "kept").glob("baseline/MA/seed?-*.json"))) == 2
    (tmp_path / "elsewhere").mkdir()
    status, written, _ = tool(command(tiny_data, tmp_path / "elsewhere", *asked))
    assert status == 0 and written.startswith("2 runs: 2 done, 0 begun, 0 to train\n")
    texts = [(folder / "tables").glob("*.txt") for folder in (tmp_path, tmp_path / "elsewhere")]
    assert len({next(files).read_text().partition("Made by")[0] for files in texts}) == 1


@pytest.mark.parametrize(
    ("options", "jobs", "groups", "shown"),
    [
        ([], 2, ["4", "6"], "GPUs: 2 trainings at a time, on GPU 4, GPU 6"),
        (["--num-gpus", "2"], 1, ["4,6"], "GPUs: 1 training at a time, on GPUs 4,6"),
        (["--jobs", "3"], 3, ["4", "6"], "GPUs: 3 trainings at a time, on GPU 4, GPU 6"),
    ],
)
def test_the_command_tells_its_plan_and_has_a_training_on_each_gpu(
    tool, tiny_data, tmp_path, monkeypatch, options, jobs, groups, shown
):
    seen = []
    monkeypatch.setattr(gpus, "groups_of_gpus", lambda num_gpus, device: {1: ["4", "6"], 2: ["4,6"]}[num_gpus])
    monkeypatch.setattr(reproduce, "train_missing", lambda runs, **where: seen.append((runs, where)))
    predicted = StepPrediction(1.0, 4.0, 2.0, 0.1, 0.5)
    monkeypatch.setattr(training_time, "_predicted", lambda cfg, num_classes, processes: predicted)
    monkeypatch.setattr(helper_processes, "alone", lambda function, *args, **named: function(*args, **named))
    small = {
        "MODEL.BACKBONE.FEAT_DIM": 128, "MODEL.BACKBONE.PRETRAIN_PATH": "synthetic:clip", "MODEL.CLIP.ARCH": "synthetic-ViT-16",
        "MODEL.DCAC.DIFFUSION.WEIGHTS": "synthetic:stable-diffusion",
    }  # fmt: skip
    pairs = [str(word) for pair in small.items() for word in pair]
    words = [word for word in command(tiny_data, tmp_path / "out", *options) if word != "--synthetic"]
    status, written, errors = tool([*words, *pairs])
    assert status == 0, written + errors
    [(runs, where)] = seen
    assert (where["jobs"], where["groups"]) == (jobs, groups) and len(runs) == 2
    lines = written.splitlines()
    assert lines[0] == "2 runs: 0 done, 0 begun, 2 to train" and lines[2] == shown
    assert re.match(r"time: [\d.e-]+ GPU-hours, by the planner; with 2 GPUs about \d+ s$", lines[1])
    assert lines[3].startswith("disk: ")
    assert len(where["command"](runs[0])) > 10 and where["images_of"](runs[0]) == 48


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (3, "SOLVER.IMS_PER_BATCH is 16, the batch of all processes together, which 3 processes do not divide evenly"),
        (1000, "--num-gpus is 1000, PyTorch finds "),
        (0, "argument --num-gpus: "),
    ],
)
def test_processes_that_cannot_share_a_training_are_refused_before_anything_is_written(
    tool, tiny_data, tmp_path, number, sentence
):
    status, written, errors = tool(command(tiny_data, tmp_path / "out", "--num-gpus", str(number)))
    assert (status, written) == (2, "") and sentence in errors and "Traceback" not in errors
    assert not (tmp_path / "out").exists()


def table_scores(folder: Path) -> list[float]:
    text = next((folder / "tables").glob("*.txt")).read_text().partition("Made by")[0]
    return [float(number) for number in re.findall(r"\d+\.\d+", text)]


@pytest.mark.slow
def test_processes_that_share_the_trainings_make_the_table_of_one(tool, tiny_data, tmp_path):
    tables, learns = [], ["SOLVER.WARMUP_EPOCHS", "0", "SOLVER.BASE_LR", "2e-3"]
    for number in ("1", "2"):
        folder = tmp_path / number
        folder.mkdir()
        status, written, errors = tool([*command(tiny_data, folder, "--num-gpus", number), *learns])
        assert status == 0, written + errors
        assert written.startswith("2 runs: 0 done, 0 begun, 2 to train\n") and errors == ""
        assert {file.name for file in folder.glob("*/MA/*/log.txt*")} == {"log.txt"}
        tables.append(table_scores(folder))
    one, two = ({path.relative_to(tmp_path / number) for path in tmp_path.glob(f"{number}/*/MA/*")} for number in "12")
    assert one == two and len(one) == 2
    assert len(tables[0]) >= 4 and tables[1] == pytest.approx(tables[0], abs=0.1)


def test_data_seeds_on_the_command_line(tool, tmp_path):
    asked = [
        sys.executable,
        "tools/reproduce.py",
        "--table",
        "2",
        "--seeds",
        "1",
        "--output",
        str(tmp_path),
        "--dry-run",
    ]
    lines = tool([*asked, "--synthetic", "--data-seeds", "4,7"])[1].splitlines()
    assert lines[8].startswith("to train baseline on MA, seed 0, synthetic:7: ")
    assert lines[16].startswith("16 runs: 0 done"), "two rows and two controls"
    status, _, errors = tool([*asked, "--data-seeds", "4"])
    assert status == 2 and "--data-seeds names synthetic data sets; add --synthetic, or leave it out" in errors


@pytest.mark.slow
def test_a_training_that_fails_ends_the_others_with_its_sentence(tool, tiny_data, tmp_path):
    data_root = shutil.copytree(tiny_data, tmp_path / "nowhere")
    for number, image in enumerate((data_root / "Market-1501-v15.09.15" / "bounding_box_train").iterdir()):
        image.write_bytes(b"no image %d" % number)  # which no check before the training sees
    status, _, errors = tool(command(data_root, tmp_path, "--jobs", "2"))
    assert status == 2 and "Traceback" not in errors
    assert "on MA, seed 0 ended with status 2: " in errors and "nowhere" in errors
