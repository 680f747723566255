"""The two places where a training step passes from a process's own rows to the whole batch, and back.

B batch, W processes; each has B / W rows, see shares.py.

Encoder and denoiser, which treat every row by itself and cost nearly all, see their own rows. What stands between `gathered`
and `own_rows` sees the whole batch in every process, and computes the same numbers forward and backward as one process.
Gradients of weights are then the mean over the processes, as DistributedDataParallel takes it: of a weight in between all
have the same; of one outside each has W times the part of its own rows.

With one process both are the identity.
"""

import torch
from torch import Tensor

from dcac_fastreid.distributed.shares import all_rows, own_share
from fastreid.utils import comm


def gathered(rows: Tensor) -> Tensor:
    """(B / W, ...) of each process to (B, ...), the same in all. The gradient of the own rows goes back, times W."""
    return rows if comm.get_world_size() == 1 else _Gathered.apply(rows)


def own_rows(batch: Tensor) -> Tensor:
    """(B, ...), the same in all processes, to this one's (B / W, ...). The gradient is that of all of them, divided by W.

    In the backward pass too the processes wait for each other here.
    """
    return batch if comm.get_world_size() == 1 else _OwnRows.apply(batch)


class _Gathered(torch.autograd.Function):
    @staticmethod
    def forward(ctx, rows: Tensor) -> Tensor:
        return all_rows(rows)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return gradient[own_share(len(gradient))] * comm.get_world_size()


class _OwnRows(torch.autograd.Function):
    @staticmethod
    def forward(ctx, batch: Tensor) -> Tensor:
        return batch[own_share(len(batch))].clone()

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return all_rows(gradient) / comm.get_world_size()
