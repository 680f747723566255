"""The optimizer of fast-reid's DefaultTrainer is the one asked for, and changes the weights."""

import functools

import torch

from fastreid.engine import defaults
from fastreid.solver import build_optimizer, optim

build_separate_optimizer = functools.partial(build_optimizer, contiguous=False)


def keep_parameters_separate() -> None:
    """fastreid/engine/defaults.py:380 calls build_optimizer with contiguous=True, its default.

    ContiguousParams (utils/params.py:70) gives the optimizer flat buffers, of which the model's parameters are views.
    PyTorch >= 2.0: `optimizer.zero_grad()` (engine/train_loop.py:248) sets the buffers' .grad to None instead of zero,
    `step()` then skips them, and the gradients pile up in the views. Nothing fails: the loss is logged, checkpoints are
    written, and no weight ever changes.
    """
    defaults.build_optimizer = build_separate_optimizer


def find_lamb() -> None:
    """fastreid/solver/build.py:207 looks SOLVER.OPT up in torch.optim, not in fastreid.solver.optim.

    Any version: AttributeError, module 'torch.optim' has no attribute 'Lamb', though the host has one. (Its SWA averages
    another optimizer and cannot be named alone; its RAdam is hidden by torch's.)
    """
    if not hasattr(torch.optim, "Lamb"):
        torch.optim.Lamb = optim.Lamb
