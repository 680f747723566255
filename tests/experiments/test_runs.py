"""One training: what makes it another one, what it leaves, and how it goes on."""

import fcntl
import json
from contextlib import contextmanager
from functools import partial
from threading import Timer

import pytest
import torch
from filelock import FileLock

from dcac_fastreid import data
from dcac_fastreid.distributed.launch import launch
from dcac_fastreid.engine import DCACTrainer
from dcac_fastreid.errors import InputError
from dcac_fastreid.experiments import training
from dcac_fastreid.experiments.results import write_result
from dcac_fastreid.experiments.runs import make_run
from dcac_fastreid.experiments.training import train
from dcac_fastreid.synthetic import data_set, parts
from fastreid.engine.hooks import EvalHook

from ..engine.other_machine import another_process, no_locks, take_as_another_machine
from ..engine.same_run import differences
from .sharing import train_and_tell

SHARED = "The training is that of"  # a line of the log


@pytest.fixture
def make(configs, tiny_data, tmp_path):
    """A run on the tiny synthetic data set: one epoch of 3 steps."""

    def made(row="baseline", source="MA", seed=0, *opts, output=tmp_path):
        tiny = [
            "DATASETS.ROOT", str(tiny_data), "MODEL.DEVICE", "cpu", "SOLVER.AMP.ENABLED", False,
            "SOLVER.IMS_PER_BATCH", 16, "SOLVER.MAX_EPOCH", 1, "SOLVER.CHECKPOINT_PERIOD", 1,
        ]  # fmt: skip
        return make_run(configs / "synthetic", output, row, source, seed, [*tiny, *opts])

    return made


@pytest.fixture
def other_weights(monkeypatch, tmp_path):
    """Within it a shipped file has another sha256, by its name in parts.FILES."""

    @contextmanager
    def changed(name):
        card = json.loads((parts.WEIGHTS / "card.json").read_text())
        card["sha256"][parts.FILES[name]] = "0" * 64
        (tmp_path / "card.json").write_text(json.dumps(card))
        with monkeypatch.context() as patch:
            patch.setattr(parts, "WEIGHTS", tmp_path)
            yield

    return changed


@pytest.mark.parametrize(
    "setting",
    [
        ("SOLVER.BASE_LR", 3e-5),
        ("SOLVER.MAX_EPOCH", 2),
        ("DATASETS.ROOT", "synthetic:1"),
        ("MODEL.DCAC.LAMBDA", 0.5),
        ("MODEL.DCAC.CONDITIONER.TAU", 0.7),
        ("SOLVER.PROMPTS_LR_FACTOR", 10.0),
        ("INPUT.SIZE_TEST", [64, 32]),
    ],
    ids=str,
)
def test_another_setting_is_another_run(make, setting):
    assert make("dcac", "MA", 0, *setting).key != make("dcac").key


@pytest.mark.parametrize(
    "setting",
    [("DATALOADER.NUM_WORKERS", 3), ("DATALOADER.CACHE_IMAGES", False), ("SOLVER.CHECKPOINT_PERIOD", 5)],
    ids=str,
)
def test_where_and_how_it_runs_is_no_setting(make, tmp_path, setting):
    assert make("dcac", "MA", 0, *setting).key == make("dcac").key
    elsewhere = make("dcac", output=tmp_path / "elsewhere")
    assert elsewhere.key == make("dcac").key and elsewhere.folder != make("dcac").folder


def test_a_run_is_of_its_row_source_and_seed(make, tmp_path):
    run = make("dcac", "MA", 3)
    assert run.folder == tmp_path / "dcac" / run.key and run.key.startswith("MA/seed3-")
    assert run.cfg.SEED == 3 and run.cfg.TEST.EVAL_PERIOD == run.cfg.SOLVER.MAX_EPOCH
    assert run.cfg.DATASETS.TESTS == ("DG_Market1501", "DG_DukeMTMC", "DG_MSMT17", "DG_CUHK03NP")
    assert make("dcac", "MA+D+C3").cfg.DATASETS.TESTS == ("DG_MSMT17",)
    others = (make("frozen", "MA", 3), make("dcac", "D", 3), make("dcac", "MA", 4))
    assert len({run.key, *(other.key for other in others)}) == 4


def test_rows_with_the_same_settings_are_one_run(make):
    assert make("rank8", "MA").key == make("dcac", "MA").key
    assert make("rank8", "MS").key != make("dcac", "MS").key == make("rank32", "MS").key


def test_a_baseline_serves_every_setting_of_dcac(make):
    of_dcac = ("MODEL.DCAC.LAMBDA", 0.5, "SOLVER.PROMPTS_LR_FACTOR", 10.0, "SOLVER.LORA_LR_FACTOR", 2.0)
    assert make("baseline", "MA", 0, *of_dcac).key == make("baseline").key


def test_a_row_is_stronger_than_the_pairs_of_the_command_line(make):
    assert make("rank16", "MA", 0, "MODEL.DCAC.LORA.RANK", 4).cfg.MODEL.DCAC.LORA.RANK == 16
    assert make("dcac", "MA", 0, "MODEL.DCAC.LORA.RANK", 4).cfg.MODEL.DCAC.LORA.RANK == 4


@pytest.mark.parametrize(
    ("row", "factor"), [("baseline_third", 0.33), ("baseline_tenth", 0.1), ("feedback_alone", 0.1)]
)
def test_a_rows_learning_rate_is_a_factor_of_its_configs(configs, make, tmp_path, row, factor):
    """So "a third" is one for real CLIP as well, whose rate is 200 times less."""
    assert make(row).cfg.SOLVER.BASE_LR == 1e-3 * factor
    assert make(row, "MA", 0, "SOLVER.BASE_LR", 2e-3).cfg.SOLVER.BASE_LR == 2e-3 * factor
    assert make_run(configs, tmp_path, row, "MA", 0).cfg.SOLVER.BASE_LR == pytest.approx(5e-6 * factor)


@pytest.mark.parametrize("row", ["baseline", "dcac"])
def test_another_synthetic_data_set_and_other_shipped_weights_are_other_runs(make, monkeypatch, other_weights, row):
    on_default = ("DATASETS.ROOT", "synthetic:0")
    before = make(row, "MA", 0, *on_default).key
    with monkeypatch.context() as patch:
        patch.setattr(data_set, "VERSION", data_set.VERSION + 1)
        assert make(row, "MA", 0, *on_default).key != before
    with other_weights("clip"):
        assert make(row, "MA", 0, *on_default).key != before
    assert make(row, "MA", 0, *on_default).key == before


def test_another_unet_is_another_run_of_dcac_and_the_same_baseline(make, other_weights):
    baseline, dcac = make("baseline"), make("dcac")
    with other_weights("unet"):
        assert make("baseline").key == baseline.key and make("dcac").key != dcac.key
    image = make("image_cross_view")
    with other_weights("image_unet"):
        assert make("baseline").keys == baseline.keys and make("dcac").keys == dcac.keys
        assert make("image_cross_view").key != image.key
    with other_weights("unet"):
        assert make("image_cross_view").key == image.key


def test_paths_of_ones_own_do_not_ask_for_the_synthetic_data_set(make, monkeypatch):
    monkeypatch.setattr(data, "synthetic_versions", lambda _: pytest.fail("asked for"))
    encoder = ("MODEL.BACKBONE.PRETRAIN_PATH", "weights/ViT-B-16.pt")
    diffusion = ("MODEL.DCAC.DIFFUSION.WEIGHTS", "weights/stable-diffusion-v1-5")
    assert make("dcac", "MA", 0, *encoder, *diffusion).key and make("baseline", "MA", 0, *encoder).key
    with pytest.raises(pytest.fail.Exception, match="asked for"):
        make("dcac", "MA", 0, *encoder)


def test_a_run_knows_the_given_settings_that_can_change_its_scores(make):
    given = (
        "MODEL.DCAC.LORA.RANK",
        "4",
        "MODEL.DCAC.TELEMETRY",
        1,
        "DATALOADER.NUM_WORKERS",
        1,
        "SOLVER.BASE_LR",
        1e-3,
    )
    dcac, fixed, baseline = (make(row, "MA", 0, *given).opts for row in ("dcac", "rank16", "baseline"))
    assert (dcac["MODEL.DCAC.LORA.RANK"], fixed["MODEL.DCAC.LORA.RANK"]) == (4, 16)
    assert {"SOLVER.BASE_LR", "DATASETS.ROOT"} <= dcac.keys() and "MODEL.DCAC.LORA.RANK" not in baseline
    assert not {"MODEL.DCAC.TELEMETRY", "DATALOADER.NUM_WORKERS", "MODEL.DEVICE"} & dcac.keys()


def test_a_mark_stands_at_its_own_target(tmp_path):
    torch.save({"model": {}, "selected_on": ["DG_DukeMTMC"]}, tmp_path / "some.pth")
    found = training._marks(str(tmp_path / "some.pth"), ("DG_Market1501", "DG_DukeMTMC"))
    assert found.keys() == {"D"} and len(found["D"]) == 1


@pytest.mark.parametrize("key", ["SEED", "OUTPUT_DIR", "DATASETS.TESTS", "TEST.EVAL_PERIOD"])
def test_what_the_table_says_cannot_be_given(make, key):
    with pytest.raises(InputError, match=f"{key} cannot be given here, it is said by --"):
        make("dcac", "MA", 0, key, "1")


def test_one_training_is_tested_on_all_its_targets(make, monkeypatch):
    evaluations, evaluate = [], EvalHook._do_eval
    monkeypatch.setattr(EvalHook, "_do_eval", lambda hook: evaluations.append(evaluate(hook)))
    run = make("dcac", "MA", 0, "SOLVER.MAX_EPOCH", 2, "SOLVER.STEPS", [1])
    result = train(run)
    assert len(evaluations) == 1, "no look at a target before the last epoch"
    assert result == run.result()
    assert (result["row"], result["source"], result["seed"], result["marks"]) == ("dcac", "MA", 0, {})
    assert result["opts"]["SOLVER.MAX_EPOCH"] == 2
    assert (result["data_seed"], result["fingerprint"]) == (1, run.folder.name.removeprefix("seed0-"))
    assert list(result["scores"]) == list(result["queries"]) == ["MA", "D", "MS", "C3"]
    assert result["seconds"] > 0 and result["stamp"]["data_sets"].keys() == set(run.cfg.DATASETS.TESTS)
    for target, scores in result["scores"].items():
        of_queries = result["queries"][target]
        assert scores.keys() == {"mAP", "Rank-1", "mINP"} and set(of_queries["Rank-1"]) <= {0, 100}
        assert len(of_queries["AP"]) == len(of_queries["Rank-1"]) == len(of_queries["person"]) > 1
        assert len(set(of_queries["person"])) == 6, "test identities of the tiny data set"
        for name, score in (("AP", scores["mAP"]), ("Rank-1", scores["Rank-1"])):
            assert sum(of_queries[name]) / len(of_queries[name]) == pytest.approx(score, abs=5e-3), target
    assert "Evaluation results for DG_CUHK03NP" in (run.folder / "log.txt").read_text()


def test_of_several_sources_the_one_left_out_is_tested(make):
    assert list(train(make("baseline", "MA+MS+C3"))["scores"]) == ["D"]


def test_a_finished_run_is_not_trained_again(make, monkeypatch):
    result = train(make("dcac"))

    def refuse(*args):
        raise AssertionError("trained again")

    monkeypatch.setattr(DCACTrainer, "__init__", refuse)
    assert train(make("dcac")) == result
    assert train(make("rank8")) == {**result, "row": "rank8"}, "the same settings under another row's name"
    with pytest.raises(AssertionError, match="trained again"):
        train(make("dcac", "MA", 1))


@pytest.mark.parametrize("row", [pytest.param("baseline", marks=pytest.mark.slow), "shuffled"])
def test_an_interrupted_run_goes_on_to_the_same_end(make, tmp_path, monkeypatch, row):
    two = ("SOLVER.MAX_EPOCH", 2, "SOLVER.STEPS", [1])
    unbroken = train(make(row, "MA", 0, *two, output=tmp_path / "unbroken"))
    run, before_epoch = make(row, "MA", 0, *two), DCACTrainer.before_epoch

    def killed(trainer):
        if trainer.epoch == 1:
            raise KeyboardInterrupt
        before_epoch(trainer)

    with monkeypatch.context() as patch:
        patch.setattr(DCACTrainer, "before_epoch", killed)
        with pytest.raises(KeyboardInterrupt):
            train(run)
    assert run.begun and run.result() is None
    epochs = []
    monkeypatch.setattr(
        DCACTrainer, "before_epoch", lambda trainer: epochs.append(trainer.epoch) or before_epoch(trainer)
    )
    result = train(run)
    assert epochs == [1]
    assert (result["scores"], result["queries"]) == (unbroken["scores"], unbroken["queries"])


def test_rows_of_a_seed_begin_with_the_same_weights(make):
    """Encoder, BNNeck and classifier: all that the baseline has."""

    def weights(run):
        run.folder.mkdir(parents=True, exist_ok=True)
        state = DCACTrainer(run.cfg).model.state_dict()
        return {name: value for name, value in state.items() if name.startswith(("backbone.", "heads."))}

    baseline = weights(make("baseline"))
    assert {"backbone.tower.proj", "heads.weight", "heads.bottleneck.0.weight"} <= baseline.keys()
    for row in ("dcac", "scratch", "instance", "condition_net"):  # each draws other things beside
        own = weights(make(row))
        assert own.keys() == baseline.keys(), row
        assert all(torch.equal(value, baseline[name]) for name, value in own.items()), row
    assert not torch.equal(weights(make("baseline", "MA", 1))["heads.weight"], baseline["heads.weight"])


def test_telemetry_is_the_mean_over_the_second_half_of_the_samples(tmp_path):
    file = tmp_path / "metrics.json"
    lines = [
        {"iteration": 0, "telemetry/a": 9.0, "telemetry/b": 9.0, "loss": 2.0},
        {"iteration": 20, "telemetry/a": 9.0, "telemetry/once": -3.0},
        {"iteration": 40, "telemetry/a": 1.00004e-5, "telemetry/b": 2.0},
        {"iteration": 60, "telemetry/a": 7.0},  # the run was interrupted here, and goes on from step 50
        {"iteration": 60, "telemetry/a": 3.00004e-5, "telemetry/b": 5.0},
        {"iteration": 61, "loss": 1.0},
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert training._telemetry(file) == {"telemetry/a": 2e-5, "telemetry/b": 3.5, "telemetry/once": -3.0}


def test_an_interpolated_row_takes_the_training_of_the_row_that_is_not(make, monkeypatch, tmp_path):
    """And ends as one that is trained by itself."""
    (tmp_path / "alone").mkdir()
    alone = train(make("baseline_interpolated", "MA", 0, output=tmp_path / "alone"))
    plain = train(make())
    monkeypatch.setattr(DCACTrainer, "run_step", lambda trainer: pytest.fail("trained again"))
    run = make("baseline_interpolated")
    shared = train(run)
    assert f"{SHARED} {make().folder}, nothing is trained again" in (run.folder / "log.txt").read_text()
    same = ("row", "scores", "queries", "telemetry", "opts")
    assert {name: shared[name] for name in same} == {name: alone[name] for name in same}
    assert shared["queries"] != plain["queries"]
    ends = [
        torch.load(of.folder / "model_final.pth")
        for of in (run, make("baseline_interpolated", output=tmp_path / "alone"))
    ]
    assert differences(*(end["model"] for end in ends)) == [] and ends[0]["interpolated"] == ends[1]["interpolated"]


def told(trained, folder):
    """Per run: what `train` returns in each of two processes that train it together, and what each of them has done."""
    launch(train_and_tell, 2, args=(trained, folder), on_gpus=False)
    of_processes = [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)]
    return [tuple(zip(*of_run, strict=True)) for of_run in zip(*of_processes, strict=True)]


@pytest.mark.slow
def test_two_processes_train_a_run_as_one_does_and_the_first_alone_holds_and_writes(make, tmp_path):
    (tmp_path / "one").mkdir()
    opts = ("SOLVER.MAX_EPOCH", 2, "SOLVER.STEPS", [1], "SOLVER.WARMUP_EPOCHS", 0, "SOLVER.BASE_LR", 2e-3)
    rows = ("dcac", "baseline", "baseline_interpolated", "rank8")
    runs_of_two = [make(row, "MA", 0, *opts) for row in rows]
    *trained, again = told(runs_of_two, tmp_path)
    for run, (results, done) in zip(runs_of_two, trained, strict=False):
        assert results[0] == results[1] == json.loads(json.dumps(run.result()))
        taken = ["take_over"] * (run.row == "baseline_interpolated")
        assert done == (["held", *taken, "write_result"], [])
        assert (run.folder / "log.txt").read_text().count("Seed 0, data sets from") == 1
        alone = train(make(run.row, "MA", 0, *opts, output=tmp_path / "one"))
        assert alone["fingerprint"] == results[0]["fingerprint"]
        for target, scores in alone["scores"].items():
            for name, score in scores.items():
                assert results[0]["scores"][target][name] == pytest.approx(score, abs=0.01), (run.row, target, name)
    assert SHARED in (runs_of_two[2].folder / "log.txt").read_text()
    results, done = again
    assert results[0] == results[1] == {**trained[0][0][0], "row": "rank8"} and done == (["held"], [])


@pytest.mark.parametrize("drive_has_locks", [True, False])
def test_a_run_that_another_machine_trains_is_waited_for_and_its_result_taken(
    make, make_result, monkeypatch, quick_beats, drive_has_locks
):
    run = make("dcac")
    run.folder.mkdir(parents=True)
    monkeypatch.setattr(training, "LOOK", 0.1)
    monkeypatch.setattr(training, "DCACTrainer", lambda *_: pytest.fail("trained here"))
    if not drive_has_locks:
        monkeypatch.setattr(fcntl, "flock", no_locks)
    with another_process(partial(take_as_another_machine, drive_has_locks=drive_has_locks), run.folder):
        timer = Timer(1.0, lambda: write_result(run.folder / "result.json", make_result("dcac", 0, 30.0)))
        timer.start()
        assert train(run)["scores"] == make_result("dcac", 0, 30.0)["scores"]
        timer.join()


def test_a_run_that_a_dead_machine_has_left_is_trained(make, quick_beats):
    run = make("baseline")
    run.folder.mkdir(parents=True)
    with another_process(partial(take_as_another_machine, drive_has_locks=True), run.folder) as other:
        other.kill()
        other.join()
    assert train(run)["seed"] == 0
    assert not (run.folder / "run.lock.json").exists()


@pytest.mark.slow
def test_two_processes_wait_for_another_reproduce_and_take_its_result(make, make_result, tmp_path):
    run = make("dcac")
    run.folder.mkdir(parents=True)
    lock = FileLock(run.folder / "result.lock", thread_local=False)
    lock.acquire()

    def finish():
        write_result(run.folder / "result.json", make_result("dcac", 0, 30.0))
        lock.release()

    timer = Timer(20, finish)  # by then both processes wait
    timer.start()
    [(results, done)] = told([run], tmp_path)
    timer.join()
    assert results[0] == results[1] == run.result() and done == (["held"], [])
    assert not (run.folder / "metrics.json").exists()


@pytest.mark.slow
def test_a_damaged_result_is_told_once_by_two_processes(make, tmp_path, capfd):
    run = make("dcac")
    run.folder.mkdir(parents=True)
    (run.folder / "result.json").write_text("{")
    with pytest.raises(SystemExit) as end:
        told([run], tmp_path)
    errors = capfd.readouterr().err
    assert end.value.code == 2 and errors.count("\n") == 1 and "result.json is no result of a training" in errors


def test_other_settings_beside_are_another_training(make):
    """An average is made while the training goes on."""
    train(make())
    for other in (make("baseline_interpolated", "MA", 0, "SOLVER.BASE_LR", 3e-5), make("baseline_averaged")):
        train(other)
        assert SHARED not in (other.folder / "log.txt").read_text()
