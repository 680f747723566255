"""What fast-reid logs of a step."""

import torch

from fastreid.engine.train_loop import SimpleTrainer
from fastreid.utils.events import CommonMetricPrinter, get_event_storage

host_write_metrics = SimpleTrainer._write_metrics
host_print = CommonMetricPrinter.write


def write_metrics(self, loss_dict, data_time: float) -> None:
    torch.cuda.current_stream().synchronize()
    host_write_metrics(self, loss_dict, data_time)


def wait_for_losses() -> None:
    """fastreid/engine/train_loop.py:271 reads the losses on a CUDA stream of its own, which waits for nothing.

    Any PyTorch with a GPU: the copy may run before the loss is computed, so that an old value is logged, or stale memory
    stops the run as "infinite or NaN". Waiting here also keeps the host's loader (data/data_utils.py:186), whose copies
    run on another stream too, from overwriting a batch that the step still reads. Without a GPU nothing changes.
    """
    if torch.cuda.is_available():
        SimpleTrainer._write_metrics = write_metrics


def print_once(self) -> None:
    if self._last_write is None or self._last_write[0] != get_event_storage().iter:
        host_print(self)


def print_steps_once() -> None:
    """fastreid/utils/events.py:220 divides by the number of steps since the last line.

    Any version: in a run of fewer than three steps, which has no timing yet, the last step is printed twice (by after_step
    and after_epoch) and the division is by zero: ZeroDivisionError after the training, before the evaluation.
    """
    CommonMetricPrinter.write = print_once
