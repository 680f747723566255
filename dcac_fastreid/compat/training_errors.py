"""A failing training run shows its own error."""

import logging
import sys

from dcac_fastreid.checkpoint.stopped import diverged
from dcac_fastreid.errors import DivergenceError, one_sentence
from fastreid.engine.train_loop import TrainerBase, logger

host_train = TrainerBase.train
host_before_train = TrainerBase.before_train
host_after_train = TrainerBase.after_train


def train(self, *args, **kwargs):
    # train() may run inside an except clause (a second try with a smaller batch): that exception is not this run's.
    self._error_before_training = sys.exc_info()[1]
    try:
        return host_train(self, *args, **kwargs)
    except DivergenceError as error:
        raise diverged(self, error) from error


def before_train(self):
    self._begun_hooks = []
    for hook in self._hooks:
        hook.before_train()
        self._begun_hooks.append(hook)


def after_train(self):
    error = sys.exc_info()[1]
    if error is None or error is getattr(self, "_error_before_training", None):
        return host_after_train(self)
    self.storage.iter = self.iter
    for hook in getattr(self, "_begun_hooks", ()):
        try:
            hook.after_train()
        except Exception as hook_error:
            name = type(hook).__name__
            # Beside a sentence about the first error the second says nothing.
            level = logging.DEBUG if one_sentence(error) else logging.WARNING
            logger.log(level, f"{name}.after_train failed too, after {type(error).__name__}: {hook_error!r}")


def is_fault_of_the_code(record: logging.LogRecord) -> bool:
    return not (record.exc_info and record.exc_info[1] and one_sentence(record.exc_info[1]))


def let_first_error_through() -> None:
    """fastreid/engine/train_loop.py:153 calls after_train in `finally`, so also while an exception is in flight.

    Hooks then read what was never set and raise themselves: IterationTimer (engine/hooks.py:116) '_start_time' when
    before_train fails. Its AttributeError is what the user sees. Any version of Python and PyTorch. With an exception in
    flight those hooks alone are asked that have begun, and what they raise is logged; without one nothing changes.

    train_loop.py:150 logs every exception with its traceback before it raises it: what the user can put right, a broken
    image or a full disk, is left to the sentence with which the tools end.
    """
    TrainerBase.train = train
    TrainerBase.before_train = before_train
    TrainerBase.after_train = after_train
    logging.getLogger(TrainerBase.__module__).addFilter(is_fault_of_the_code)
