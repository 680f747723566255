"""What fast-reid logs of a step, and when."""

import torch

from fastreid.engine.hooks import PeriodicWriter
from fastreid.engine.train_loop import SimpleTrainer

host_write_metrics = SimpleTrainer._write_metrics
host_after_step = PeriodicWriter.after_step


def write_metrics(self, loss_dict, data_time: float) -> None:
    torch.cuda.current_stream().synchronize()
    host_write_metrics(self, loss_dict, data_time)


def wait_for_losses() -> None:
    """fastreid/engine/train_loop.py:271 reads the losses on a CUDA stream of its own, which waits for nothing.

    Any PyTorch with a GPU: the copy may run before the loss is computed, so that an old value is logged, or stale memory
    stops the run as "infinite or NaN". Without a GPU nothing changes.
    """
    if torch.cuda.is_available():
        SimpleTrainer._write_metrics = write_metrics


def after_step(self) -> None:
    steps = self.trainer.iter + 1
    # The last step of an epoch is left to after_epoch, which follows at once.
    if steps % self._period == 0 and steps % self.trainer.iters_per_epoch != 0:
        for writer in self._writers:
            writer.write()


def write_steps_once() -> None:
    """fastreid/engine/hooks.py:174 writes the last step of a training before its evaluation, and hooks.py:181 again after it.

    Any version. JSONWriter (utils/events.py:105) and TensorBoard's leave out what belongs to a step already written: the
    evaluation of the last epoch is in neither metrics.json nor TensorBoard, nor that of any epoch that ends at a multiple
    of 200 steps. CommonMetricPrinter (utils/events.py:220) divides by the number of steps since its last line:
    ZeroDivisionError in a training of fewer than three steps, before its evaluation.
    """
    PeriodicWriter.after_step = after_step
