"""What of a batch, or of a pass over batches, is this process's. B batch, W processes.

Rows are dealt out in rank order, B / W each, so that the rows of all processes, one behind the other, are the batch.
"""

from collections.abc import Sequence
from itertools import chain, zip_longest

import torch
import torch.distributed as dist
from torch import Tensor

from fastreid.utils import comm


def own_share(count: int) -> slice:
    """Which of so many rows of a batch are this process's; W divides them."""
    size = count // comm.get_world_size()
    return slice(comm.get_rank() * size, (comm.get_rank() + 1) * size)


def is_own_batch(number: int) -> bool:
    """Whether the batch of this number, from 0, of a finite pass is this process's: they go round."""
    return number % comm.get_world_size() == comm.get_rank()


def all_rows(rows: Tensor) -> Tensor:
    """The rows of all processes, which have as many each, in rank order. No gradient."""
    parts = [torch.empty_like(rows, memory_format=torch.contiguous_format) for _ in range(comm.get_world_size())]
    dist.all_gather(parts, rows.contiguous())
    return torch.cat(parts)


def in_order(batches: Sequence[Tensor]) -> Tensor:
    """All batches of a finite pass, concatenated in the order of one process. No gradient.

    Args: batches: those of this process, see `is_own_batch`, in their order; of any lengths, also none.
    """
    if comm.get_world_size() == 1:
        return torch.cat(list(batches))
    kinds = [(tuple(batch.shape[1:]), batch.dtype, batch.device.type) for batch in batches[:1]]
    told = comm.all_gather(([len(batch) for batch in batches], kinds))
    lengths = [of_rank for of_rank, _ in told]
    shape, dtype, device = next(kind for _, kinds in told for kind in kinds)
    padded = torch.zeros(max(map(sum, lengths)), *shape, dtype=dtype, device=device)
    if batches:
        torch.cat(list(batches), out=padded[: sum(len(batch) for batch in batches)])
    parts = all_rows(padded).split(len(padded))
    dealt = [part[: sum(of_rank)].split(of_rank) for part, of_rank in zip(parts, lengths, strict=True)]
    return torch.cat([batch for batch in chain.from_iterable(zip_longest(*dealt)) if batch is not None])
