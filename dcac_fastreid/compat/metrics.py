"""What fast-reid logs of a step, and when."""

import torch
from torch import Tensor

from fastreid.engine.hooks import PeriodicWriter
from fastreid.engine.train_loop import SimpleTrainer
from fastreid.utils import comm
from fastreid.utils.events import get_event_storage

host_after_step = PeriodicWriter.after_step


def write_metrics(self, loss_dict: dict[str, Tensor], data_time: float) -> None:
    """Gives the losses of a step to the storage as tensors; of several processes, their mean. Infinite or NaN: see there."""
    losses = torch.stack([loss.detach().float() for loss in loss_dict.values()])
    if comm.get_world_size() > 1:
        torch.distributed.all_reduce(losses)
        losses /= comm.get_world_size()
    storage = get_event_storage()
    storage.put_scalar("data_time", data_time)
    storage.put_scalar("total_loss", losses.sum())
    if len(loss_dict) > 1:
        storage.put_scalars(**dict(zip(loss_dict, losses.unbind(), strict=True)))


def log_without_waiting() -> None:
    """fastreid/engine/train_loop.py:271 reads every loss of every step, on a CUDA stream of its own, which waits for nothing.

    Any PyTorch with a GPU: the copy may run before the loss is computed, so that an old value is logged, or stale memory
    stops the run as "infinite or NaN"; and the program waits for the GPU at every step, which then waits for the program.
    """
    SimpleTrainer._write_metrics = write_metrics


def after_step(self) -> None:
    steps = self.trainer.iter + 1
    # The last step of an epoch is left to after_epoch, which follows at once.
    if steps % self._period == 0 and not _ends_epoch(self.trainer, steps):
        for writer in self._writers:
            writer.write()


def _ends_epoch(trainer, steps: int) -> bool:
    if hasattr(trainer, "epoch_steps"):  # ours, whose epochs may differ in length
        return trainer.epoch_steps.ends(steps)
    return steps % trainer.iters_per_epoch == 0


def write_steps_once() -> None:
    """fastreid/engine/hooks.py:174 writes the last step of a training before its evaluation, and hooks.py:181 again after it.

    Any version. JSONWriter (utils/events.py:105) and TensorBoard's leave out what belongs to a step already written: the
    evaluation of the last epoch is in neither metrics.json nor TensorBoard, nor that of any epoch that ends at a multiple
    of 200 steps. CommonMetricPrinter (utils/events.py:220) divides by the number of steps since its last line:
    ZeroDivisionError in a training of fewer than three steps, before its evaluation.
    """
    PeriodicWriter.after_step = after_step
