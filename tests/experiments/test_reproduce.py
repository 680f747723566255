"""What is trained for a table, what is shared between tables, and what is still to train when it is asked for again."""

import json
import time
from dataclasses import replace

import pytest
import torch

from dcac_fastreid.errors import InputError
from dcac_fastreid.experiments import reproduce, table_files, table_runs
from dcac_fastreid.experiments.protocols import OF_PAPER, TABLES, table_of, tables_of


@pytest.fixture
def runs_of(configs, tmp_path):
    """The runs of a table with synthetic parts and without the synthetic tables' controls, none of them trained."""
    return lambda name, seeds=1: table_runs.runs_of(table_of(name), configs / "synthetic", tmp_path, seeds=seeds)


def finish(run, seconds: float = 10.0) -> dict:
    """Writes a result as a training does."""
    scores = {"MA": {"mAP": 50.0, "Rank-1": 60.0, "mINP": 20.0}}
    result = {
        "row": run.row,
        "source": run.source,
        "seed": run.seed,
        "scores": scores,
        "seconds": seconds,
        "telemetry": {},
        "stamp": {},
        "marks": {},
    }
    run.folder.mkdir(parents=True, exist_ok=True)
    (run.folder / "result.json").write_text(json.dumps(result))
    return result


@pytest.fixture
def trained(monkeypatch):
    """The runs that would have been trained, in order."""
    seen = []
    monkeypatch.setattr(reproduce, "train", lambda run: seen.append(run) or finish(run))
    return seen


def test_a_source_is_trained_once_for_all_its_targets(runs_of):
    runs = runs_of("single-source", seeds=2)
    assert len(runs) == 2 * 4 * 2
    assert [str(run) for run in runs[:3]] == ["baseline on MA, seed 0", "dcac on MA, seed 0", "baseline on D, seed 0"]
    assert [run.seed for run in runs] == 8 * [0] + 8 * [1]


def test_tables_share_their_runs(runs_of):
    """Tables 2, 3 and 8, the ablations and the controls have the same baseline and DCAC; rank 8 on MA is DCAC."""
    of_pairs = {run.folder for run in runs_of("single-source")}
    assert {run.folder for name in ("source", "2", "3") for run in runs_of(name)} == of_pairs
    for name in ("5", "7", "8", "10", "controls"):
        assert {run.folder for run in runs_of(name) if run.row in ("baseline", "dcac")} <= of_pairs
    dcac = next(run for run in runs_of("10") if (run.row, run.source) == ("dcac", "MA"))
    rank8 = next(run for run in runs_of("9") if (run.row, run.source) == ("rank8", "MA"))
    finish(dcac)
    assert rank8.result()["row"] == "rank8"


def test_runs_that_are_the_same_training_are_asked_for_once(configs, tmp_path):
    spec = replace(TABLES["9"], rows=("dcac", "rank8", "rank32"))
    runs = table_runs.runs_of(spec, configs / "synthetic", tmp_path, seeds=1)
    asked = table_runs.restrict([runs], [spec])
    names = ["dcac on MA, seed 0", "rank32 on MA, seed 0", "dcac on MS, seed 0", "rank8 on MS, seed 0"]
    assert [str(run) for run in asked] == names


def test_the_tables_of_the_paper_need_each_training_once_and_the_first_seed_of_all_first(configs, tmp_path):
    specs = tables_of("all")
    assert [spec.name for spec in specs] == list(OF_PAPER)
    runs = [table_runs.runs_of(spec, configs, tmp_path, seeds=2) for spec in specs]
    asked = table_runs.restrict(runs, specs)
    # 8 of the pairs, 4 leave-one-out, 10 more in Table 5, 6 in 7, 6 in 9, 6 in 10
    assert len(asked) == len({run.key for run in asked}) == 2 * 40
    assert [run.seed for run in asked] == 40 * [0] + 40 * [1]
    assert {run.key for of_table in runs for run in of_table} == {run.key for run in asked}
    assert len(table_runs.restrict(runs, specs, ["dcac"], ["MA"])) == 2
    with pytest.raises(InputError, match="no table trains rank16 on D, C3; leave out --rows or --sources"):
        table_runs.restrict(runs, specs, ["rank16"], ["D", "C3"])
    with pytest.raises(InputError, match="--rows asks for 'pretrained'; these tables have baseline, dcac"):
        table_runs.restrict(runs, specs, ["pretrained"])


def test_rows_and_sources_restrict_what_is_trained(runs_of):
    spec, runs = table_of("controls"), runs_of("controls")
    asked = table_runs.restrict([runs], [spec], ["shuffled", "baseline"], ["MS"])
    assert [str(run) for run in asked] == ["baseline on MS, seed 0", "shuffled on MS, seed 0"]
    with pytest.raises(InputError, match="--rows asks for 'frozen'; table controls has baseline, dcac"):
        table_runs.restrict([runs], [spec], ["frozen"])
    with pytest.raises(InputError, match="--sources asks for 'ma'; table controls has MA, D, MS, C3"):
        table_runs.restrict([runs], [spec], [], ["ma"])


def test_only_what_has_no_result_is_trained(runs_of, trained, capsys):
    runs = runs_of("2")
    finish(runs[1])
    reproduce.train_missing(runs)
    assert trained == [runs[0], *runs[2:]]
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and lines[0].startswith("[2/4] baseline on MA, seed 0: ")
    assert lines[-1] == "[4/4] dcac on D, seed 0: mAP MA 50.0; 10 s, 0 s left"
    reproduce.train_missing(runs)
    assert len(trained) == 3 and capsys.readouterr().out == ""


@pytest.mark.parametrize("rows", [("baseline", "baseline_interpolated"), ("baseline_interpolated", "baseline")])
def test_what_goes_on_from_another_runs_end_is_trained_behind_it(configs, tmp_path, trained, rows):
    spec = replace(table_of("2"), rows=rows)
    reproduce.train_missing(table_runs.runs_of(spec, configs / "synthetic", tmp_path, seeds=1))
    assert [run.row for run in trained] == 2 * ["baseline"] + 2 * ["baseline_interpolated"]


def test_side_by_side_too_it_waits_for_the_runs_that_it_may_go_on_from(configs, tmp_path, monkeypatch):
    spec = replace(table_of("2"), rows=("baseline", "baseline_interpolated"))
    runs = table_runs.runs_of(spec, configs / "synthetic", tmp_path, seeds=1)

    def command(run):
        if run.row == "baseline_interpolated":
            assert all(other.result() for other in runs if other.row == "baseline")
        prepared = tmp_path / f"{run.key.replace('/', '-')}.json"
        prepared.write_text(json.dumps(finish(run)))
        result = run.folder / "result.json"
        result.unlink()
        return ["bash", "-c", f"sleep 0.2; cp {prepared} {result}"]

    reproduce.train_missing(runs, jobs=3, command=command)
    assert all(run.result() for run in runs)


def test_a_training_that_processes_share_has_one_of_its_own_and_all_share_the_threads(runs_of, tmp_path, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    run = runs_of("2")[0]
    (tmp_path / "prepared.json").write_text(json.dumps(finish(run)))
    (run.folder / "result.json").unlink()
    words = f"echo $OMP_NUM_THREADS > {tmp_path}/threads; cp {tmp_path}/prepared.json {run.folder}/result.json"
    reproduce.train_missing([run], num_gpus=4, command=lambda run: ["bash", "-c", words])
    assert (tmp_path / "threads").read_text() == "2\n"


def test_a_queue_goes_on_on_another_machine_from_the_results_that_were_kept(configs, tmp_path, trained, capsys):
    def runs(machine):
        return table_runs.runs_of(
            table_of("2"), configs / "synthetic", tmp_path / machine, seeds=1, results=tmp_path / "kept"
        )

    finish(runs("first")[1])
    reproduce.train_missing(runs("first")[:2])
    kept = {path.relative_to(tmp_path / "kept").as_posix() for path in (tmp_path / "kept").rglob("*.json")}
    assert kept == {f"{run.row}/{run.key}.json" for run in runs("first")[:2]}
    assert len(trained) == 1
    reproduce.train_missing(runs("second"))
    assert [run.output.name for run in trained] == ["first", "second", "second"]
    assert capsys.readouterr().out.count("[4/4]") == 1
    assert [run.result() for run in runs("third")] == [run.result() for run in runs("second")]


def test_data_seeds_are_runs_on_other_data_sets(configs, tmp_path):
    def runs(data_seeds, *opts):
        return table_runs.runs_of(
            table_of("2"), configs / "synthetic", tmp_path, seeds=2, data_seeds=data_seeds, opts=opts
        )

    both, one = runs([0, 3]), runs([], "DATASETS.ROOT", "synthetic:3")
    assert [run.cfg.DATASETS.ROOT for run in both] == 8 * ["synthetic:0"] + 8 * ["synthetic:3"]
    assert [run.key for run in both[8:]] == [run.key for run in one] and len({run.key for run in both}) == 16
    assert [run.key for run in both[:8]] == [run.key for run in runs([])]
    assert str(both[8]) == "baseline on MA, seed 0, synthetic:3"
    with pytest.raises(InputError, match="DATASETS.ROOT and --data-seeds both say the data set"):
        runs([1], "DATASETS.ROOT", "synthetic:3")
    with pytest.raises(InputError, match="--data-seeds has one twice: 1, 1"):
        runs([1, 1])
    stems = {table_files.stem(table_of("2"), synthetic=True, data_seeds=seeds) for seeds in ([], [0], [0, 3])}
    assert stems == {"table-2-synthetic", "table-2-synthetic-0", "table-2-synthetic-0-3"}


def test_telemetry_that_is_asked_for_later_is_said_to_be_absent(configs, tmp_path, trained, capsys):
    def runs(*opts):
        return table_runs.runs_of(
            table_of("2"),
            configs / "synthetic",
            tmp_path,
            seeds=1,
            opts=["MODEL.DCAC.TELEMETRY", *opts],
        )

    for run in runs(0)[:3]:
        finish(run)
    reproduce.train_missing(runs(0))
    assert "telemetry" not in capsys.readouterr().out
    reproduce.train_missing(runs(50))
    sentence = "4 of the runs that are done have no telemetry, although MODEL.DCAC.TELEMETRY is set: "
    assert capsys.readouterr().out.startswith(sentence) and len(trained) == 1


def test_a_table_has_a_name_for_each_set_of_settings_that_can_change_a_score():
    spec, rank = table_of("2"), ["MODEL.DCAC.LORA.RANK", "4"]
    named = table_files.stem(spec, rank, synthetic=True)
    assert table_files.stem(spec, synthetic=True) == "table-2-synthetic" != named
    assert table_files.stem(spec, [*rank, "MODEL.DCAC.TELEMETRY", "50"], synthetic=True) == named
    assert table_files.stem(spec, ["MODEL.DEVICE", "cpu"], synthetic=False) == "table-2"
    assert table_files.stem(spec, ["MODEL.DCAC.LORA.RANK", "8"], synthetic=True) != named


def test_a_dry_run_tells_what_is_done(runs_of, trained):
    runs = runs_of("2")
    finish(runs[0])
    runs[2].folder.mkdir(parents=True)
    (runs[2].folder / "last_checkpoint").write_text("model_0001.pth")
    lines = reproduce.describe(runs).splitlines()
    assert [line.split(" baseline")[0].split(" dcac")[0].strip() for line in lines[:4]] == [
        "done",
        "to train",
        "begun",
        "to train",
    ]
    assert reproduce.count(runs) == "4 runs: 1 done, 1 begun, 2 to train" and not trained


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"row": 1}', "[" * 100_000, "\0"])
def test_a_damaged_result_is_one_sentence(runs_of, content):
    run = runs_of("2")[0]
    damaged = finish(run)
    (run.folder / "result.json").write_text(content)
    with pytest.raises(InputError, match="result.json is no result of a training, or damaged; remove it"):
        reproduce.describe([run])
    for name in damaged:
        (run.folder / "result.json").write_text(json.dumps({**damaged, name: None}))
        with pytest.raises(InputError, match="is no result of a training"):
            run.result()


@pytest.mark.parametrize(("option", "sentence"), [("seeds", "seeds"), ("jobs", "trainings at a time")])
def test_nothing_of_nothing_is_refused(runs_of, option, sentence):
    with pytest.raises(InputError, match=f"the number of {sentence} is 0; expected"):
        runs_of("2", seeds=0) if option == "seeds" else reproduce.train_missing(runs_of("2"), jobs=0)


def test_a_process_that_fails_ends_the_others_with_its_sentence(runs_of, monkeypatch):
    runs = runs_of("2")[:2]
    fails = "echo reading; echo 'error: image 5 cannot be read' >&2; exit 2"
    words = {"baseline": "exec sleep 60", "dcac": f"sleep 0.2; {fails}"}
    begin = time.monotonic()
    with pytest.raises(InputError, match="dcac on MA, seed 0 ended with status 2: .*image 5 cannot be read"):
        reproduce.train_missing(runs, jobs=2, command=lambda run: ["bash", "-c", words[run.row]])
    assert time.monotonic() - begin < 30, "the other one was ended"
