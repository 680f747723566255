"""The losses that fast-reid logs on a GPU are those of the step."""

import torch

from fastreid.engine.train_loop import SimpleTrainer

host_write_metrics = SimpleTrainer._write_metrics


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
