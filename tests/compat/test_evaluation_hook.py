"""Where the evaluations of a training are saved and written."""

import json
from pathlib import Path

import pytest
import torch

from dcac_fastreid.compat import evaluation_hook, metrics
from dcac_fastreid.errors import InputError
from fastreid.engine import DefaultTrainer, hooks


class Trainer(DefaultTrainer):
    """The host's trainer with an evaluation that takes no time: its number grows."""

    fails_at = 0

    @classmethod
    def test(cls, cfg, model):
        cls.evaluations += 1
        if cls.evaluations == cls.fails_at:
            raise OSError(5, "Input/output error")
        return {"mAP": 10.0 * cls.evaluations, "metric": 10.0 * cls.evaluations}


@pytest.fixture
def train(market_root, host_cfg):
    """Runs a training; returns its result, the evaluations in metrics.json by iteration, and the metric of model_final."""

    def run(epochs, eval_period, resume=False):
        Trainer.evaluations = 0
        host_cfg.SOLVER.MAX_EPOCH, host_cfg.TEST.EVAL_PERIOD = epochs, eval_period
        trainer = Trainer(host_cfg)
        trainer.resume_or_load(resume=resume)
        result = trainer.train()
        folder = Path(host_cfg.OUTPUT_DIR)
        lines = [json.loads(line) for line in (folder / "metrics.json").read_text().splitlines()]
        written = {line["iteration"]: line["mAP"] for line in lines if "mAP" in line}
        return result, written, torch.load(folder / "model_final.pth")["metric"]

    return run


@pytest.fixture
def host_evaluation(monkeypatch):
    monkeypatch.setattr(hooks.EvalHook, "after_epoch", evaluation_hook.host_after_epoch)
    monkeypatch.setattr(hooks.EvalHook, "after_train", evaluation_hook.host_after_train)
    monkeypatch.delattr(DefaultTrainer, "_last_eval_results")


@pytest.fixture
def host_writing(monkeypatch):
    monkeypatch.setattr(hooks.PeriodicWriter, "after_step", metrics.host_after_step)


def test_host_neither_writes_nor_saves_an_evaluation_off_the_period(train, host_evaluation):
    result, written, metric = train(epochs=1, eval_period=2)
    assert (result["mAP"], written, metric) == (10, {}, -1)


def test_evaluation_off_the_period_is_written_and_saved(train):
    result, written, metric = train(epochs=1, eval_period=2)
    assert (result["mAP"], written, metric) == (10, {3: 10}, 10)


def test_host_does_not_write_the_evaluation_of_the_last_epoch(train, host_writing):
    _, written, _ = train(epochs=2, eval_period=1)
    assert written == {3: 10}


def test_every_evaluation_is_written(train):
    result, written, metric = train(epochs=2, eval_period=1)
    assert (result["mAP"], written, metric) == (20, {3: 10, 7: 20}, 20)


def test_host_fails_without_a_period(train, host_evaluation):
    with pytest.raises(ZeroDivisionError):
        train(epochs=1, eval_period=0)


def test_period_0_evaluates_nothing(train):
    assert train(epochs=1, eval_period=0) == (None, {}, -1)


def test_host_cannot_resume_a_finished_run(train, host_evaluation):
    train(epochs=1, eval_period=1)
    with pytest.raises(AttributeError, match="epoch"):
        train(epochs=1, eval_period=1, resume=True)


def test_finished_run_is_resumed_without_an_error(train):
    train(epochs=1, eval_period=1)
    assert train(epochs=1, eval_period=1, resume=True)[0] is None


@pytest.mark.parametrize("fails_at, period, name", [(1, 1, "model_0000"), (2, 1, "model_final"), (1, 5, "model_steps")])
def test_an_evaluation_that_fails_costs_no_weights(train, host_cfg, monkeypatch, fails_at, period, name):
    monkeypatch.setattr(Trainer, "fails_at", fails_at)
    host_cfg.SOLVER.CHECKPOINT_PERIOD = period
    with pytest.raises(
        InputError, match=rf"failed: .*Input/output error; .* MODEL.WEIGHTS .*{name}.pth, or go on with --res"
    ):
        train(epochs=2, eval_period=1)
    folder = Path(host_cfg.OUTPUT_DIR)
    assert (folder / "last_checkpoint").read_text() == f"{name}.pth"
    assert torch.load(folder / f"{name}.pth")["epoch"] == fails_at - 1


def test_host_loses_the_weights_of_the_last_epoch_with_its_evaluation(train, host_cfg, monkeypatch):
    monkeypatch.setattr(evaluation_hook, "save_before", lambda hook: None)
    monkeypatch.setattr(Trainer, "fails_at", 1)
    with pytest.raises(InputError):
        train(epochs=1, eval_period=1)
    assert list(Path(host_cfg.OUTPUT_DIR).glob("*.pth")) == []


def test_the_best_evaluation_is_still_the_one_that_is_kept(train, host_cfg):
    train(epochs=2, eval_period=1)
    assert torch.load(Path(host_cfg.OUTPUT_DIR) / "model_best.pth")["metric"] == 20
