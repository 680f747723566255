"""What a failing training run shows."""

import logging

import pytest

from dcac_fastreid.compat import evaluation_hook, training_errors
from dcac_fastreid.errors import InputError
from fastreid.engine.hooks import CallbackHook, EvalHook, IterationTimer
from fastreid.engine.train_loop import TrainerBase


class OneStep(TrainerBase):
    """One epoch of one step, which raises `error` if there is one; an evaluation would follow, off its period."""

    max_epoch = 1

    def __init__(self, error=None, before_train=None):
        super().__init__()
        self.error = error
        self.evaluations = self.closed = 0
        self.register_hooks(
            [
                CallbackHook(before_train=before_train),
                IterationTimer(),
                EvalHook(2, self.evaluate),
                CallbackHook(after_train=self.close),
            ]
        )

    def evaluate(self):
        self.evaluations += 1

    def close(self, trainer):
        self.closed += 1

    def run_step(self):
        if self.error:
            raise self.error

    def run(self):
        self.train(0, 1, 1)


@pytest.fixture
def host_behaviour(monkeypatch):
    monkeypatch.setattr(TrainerBase, "train", training_errors.host_train)
    monkeypatch.setattr(TrainerBase, "before_train", training_errors.host_before_train)
    monkeypatch.setattr(TrainerBase, "after_train", training_errors.host_after_train)


def fail_to_start(trainer):
    raise RuntimeError("no latents")


def test_host_hides_an_error_before_the_first_epoch(host_behaviour):
    with pytest.raises(AttributeError, match="_start_time"):
        OneStep(before_train=fail_to_start).run()


def test_error_before_the_first_epoch_comes_through(caplog):
    logging.getLogger("fastreid.engine.train_loop").addHandler(caplog.handler)
    trainer = OneStep(before_train=fail_to_start)
    with pytest.raises(RuntimeError, match="no latents") as raised:
        trainer.run()
    logging.getLogger("fastreid.engine.train_loop").removeHandler(caplog.handler)
    assert raised.value.__context__ is None
    assert "failed too" not in caplog.text
    assert (trainer.evaluations, trainer.closed) == (0, 0), "a hook that has not begun has nothing to end"


def test_host_evaluates_after_an_error_in_the_last_epoch(host_behaviour, monkeypatch):
    monkeypatch.setattr(EvalHook, "after_train", evaluation_hook.host_after_train)
    trainer = OneStep(error=RuntimeError("out of memory"))
    with pytest.raises(RuntimeError, match="out of memory"):
        trainer.run()
    assert trainer.evaluations == 1


@pytest.mark.parametrize("error", [RuntimeError("out of memory"), KeyboardInterrupt()])
def test_error_in_the_last_epoch_starts_no_evaluation_and_closes_the_hooks(error):
    trainer = OneStep(error=error)
    with pytest.raises(type(error)):
        trainer.run()
    assert (trainer.evaluations, trainer.closed) == (0, 1)


@pytest.mark.parametrize("error, told", [(RuntimeError("a fault"), True), (InputError("a broken image"), False)])
def test_a_second_error_is_told_beside_a_fault_of_the_code_alone(error, told, caplog):
    logging.getLogger("fastreid.engine.train_loop").addHandler(caplog.handler)
    trainer = OneStep(error=error)
    trainer.register_hooks([CallbackHook(after_train=fail_to_start)])
    with pytest.raises(type(error), match=str(error)):
        trainer.run()
    logging.getLogger("fastreid.engine.train_loop").removeHandler(caplog.handler)
    assert ("CallbackHook.after_train failed too, after RuntimeError" in caplog.text) is told
    assert ("Traceback" in caplog.text) is told


def test_success_evaluates_and_closes_the_hooks():
    trainer = OneStep()
    trainer.run()
    assert (trainer.evaluations, trainer.closed) == (1, 1)


def test_success_inside_an_except_clause_is_no_failure():
    trainer = OneStep()
    try:
        raise RuntimeError("batch too large")
    except RuntimeError:
        trainer.run()
    assert (trainer.evaluations, trainer.closed) == (1, 1)


def test_error_of_a_hook_after_a_success_is_raised():
    trainer = OneStep()
    trainer.register_hooks([CallbackHook(after_train=fail_to_start)])
    with pytest.raises(RuntimeError, match="no latents"):
        trainer.run()
