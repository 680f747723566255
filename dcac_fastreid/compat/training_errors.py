"""A failing training run shows its own error."""

import sys

from fastreid.engine.hooks import EvalHook
from fastreid.engine.train_loop import TrainerBase, logger

host_train = TrainerBase.train
host_after_train = TrainerBase.after_train


def train(self, *args, **kwargs):
    # train() may run inside an except clause (a second try with a smaller batch): that exception is not this run's.
    self._error_before_training = sys.exc_info()[1]
    return host_train(self, *args, **kwargs)


def after_train(self):
    error = sys.exc_info()[1]
    if error is None or error is getattr(self, "_error_before_training", None):
        return host_after_train(self)
    self.storage.iter = self.iter
    for hook in self._hooks:
        if isinstance(hook, EvalHook):
            continue
        try:
            hook.after_train()
        except Exception as hook_error:
            name = type(hook).__name__
            logger.warning(f"{name}.after_train failed too, after {type(error).__name__}: {hook_error!r}")


def let_first_error_through() -> None:
    """fastreid/engine/train_loop.py:153 calls after_train in `finally`, so also while an exception is in flight.

    Hooks then read what was never set and raise themselves: EvalHook (engine/hooks.py:380) 'epoch' when before_train
    fails, IterationTimer (hooks.py:116) '_start_time'. Their AttributeError is what the user sees. An error in the last
    epoch runs a whole evaluation first (hooks.py:382). Any version of Python and PyTorch. With an exception in flight
    EvalHook is left out and what other hooks raise is logged; without one nothing changes.
    """
    TrainerBase.train = train
    TrainerBase.after_train = after_train
