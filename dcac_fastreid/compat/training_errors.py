"""A failing training run shows its own error."""

import logging
import sys

from dcac_fastreid.errors import InputError
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
        try:
            hook.after_train()
        except Exception as hook_error:
            name = type(hook).__name__
            logger.warning(f"{name}.after_train failed too, after {type(error).__name__}: {hook_error!r}")


def is_no_input_error(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], InputError | OSError))


def let_first_error_through() -> None:
    """fastreid/engine/train_loop.py:153 calls after_train in `finally`, so also while an exception is in flight.

    Hooks then read what was never set and raise themselves: IterationTimer (engine/hooks.py:116) '_start_time' when
    before_train fails. Its AttributeError is what the user sees. Any version of Python and PyTorch. With an exception in
    flight what hooks raise is logged; without one nothing changes.

    train_loop.py:150 logs every exception with its traceback before it raises it: what the user can mend, a broken picture
    or a full disk, is left to the sentence with which the tools end.
    """
    TrainerBase.train = train
    TrainerBase.after_train = after_train
    logging.getLogger(TrainerBase.__module__).addFilter(is_no_input_error)
