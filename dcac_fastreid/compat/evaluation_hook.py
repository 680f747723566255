"""The evaluations of a training: every TEST.EVAL_PERIOD epochs and in the last one, or none."""

from fastreid.engine.defaults import DefaultTrainer
from fastreid.engine.hooks import EvalHook

host_after_epoch = EvalHook.after_epoch
host_after_train = EvalHook.after_train


def after_epoch(self) -> None:
    next_epoch = self.trainer.epoch + 1
    if self._period > 0 and (next_epoch % self._period == 0 or next_epoch >= self.trainer.max_epoch):
        self._do_eval()


def after_train(self) -> None:
    del self._func  # it holds the trainer, which holds this hook


def evaluate_in_the_last_epoch() -> None:
    """fastreid/engine/hooks.py:379 evaluates in after_train where TEST.EVAL_PERIOD does not divide SOLVER.MAX_EPOCH.

    Any version. After the last checkpoint and the last line of metrics.json, so this evaluation is in neither, and
    model_final keeps metric -1. It also runs after an error in the last epoch. EVAL_PERIOD 0 ("none" in after_epoch):
    ZeroDivisionError at the end of the training. A finished run that is resumed: AttributeError, no attribute 'epoch'.

    Where nothing was evaluated, DefaultTrainer.train (engine/defaults.py:350) returns None, as it promises, instead of
    an AssertionError.
    """
    EvalHook.after_epoch = after_epoch
    EvalHook.after_train = after_train
    DefaultTrainer._last_eval_results = None
