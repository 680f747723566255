"""The optimizer of fast-reid's DefaultTrainer changes the weights."""

import functools

from fastreid.engine import defaults
from fastreid.solver import build_optimizer


def keep_parameters_separate() -> None:
    """fastreid/engine/defaults.py:380 calls build_optimizer with contiguous=True, its default.

    ContiguousParams (utils/params.py:70) gives the optimizer flat buffers, of which the model's parameters are views.
    PyTorch >= 2.0: `optimizer.zero_grad()` (engine/train_loop.py:248) sets the buffers' .grad to None instead of zero,
    `step()` then skips them, and the gradients pile up in the views. Nothing fails: the loss is logged, checkpoints are
    written, and no weight ever changes.
    """
    defaults.build_optimizer = functools.partial(build_optimizer, contiguous=False)
