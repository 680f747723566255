"""How long do recorded operations take on this machine? Each distinct one is run alone, on tensors of its shapes."""

from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

from dcac_fastreid.profiling.machine import timed
from dcac_fastreid.profiling.shape_run import Operation, Shape

LONG = 0.02  # seconds, from which one call is timed instead of some
CALLS = 5
CHAIN = 100  # layers of the small network that shows what an operation costs besides itself


@torch.no_grad()
def replay(operations: Iterable[Operation], device: torch.device) -> Counter:
    """Seconds by part of the step: of every operation its time alone, as often as the step runs it."""
    seconds = Counter()
    for operation in operations:
        args, kwargs = tree_map_only(Shape, lambda shape: _tensor(shape, device), (operation.args, operation.kwargs))
        call = partial(operation.function, *args, **kwargs)
        seconds[operation.part] += operation.count * _seconds(call, device)
    return seconds


def seconds_around_an_operation(device: torch.device) -> float:
    """What Python and autograd take for each operation on the CPU; a GPU computes meanwhile."""
    if device.type == "cuda":
        return 0.0
    chain = nn.Sequential(*(nn.Linear(8, 8) for _ in range(CHAIN)))
    first = torch.ones(8, 8, requires_grad=True)
    operations = 5 * CHAIN  # product; two of the backward pass, a sum; the gradient of the bias takes its place
    whole = _seconds(lambda: chain(first).sum().backward(), device)
    alone = _seconds(lambda: torch.mm(first.detach(), first.detach()), device)
    return max(0.0, whole / operations - alone)


def copied_bytes_per_second(device: torch.device) -> float:
    """Bytes read and written by a large copy."""
    source = torch.ones(2**26, device=device)
    target = torch.empty_like(source)
    return 2 * source.nbytes / _seconds(lambda: target.copy_(source), device)


def _seconds(call: Callable, device: torch.device) -> float:
    """Of one call: on the CPU the shortest of some, undisturbed by other processes; on a GPU of calls in a row."""
    first = timed(call, device)  # chooses a kernel
    if first > LONG:
        return timed(call, device)
    if device.type == "cuda":
        return timed(lambda: [call() for _ in range(CALLS)], device) / CALLS
    return min(timed(call, device) for _ in range(CALLS))


def _tensor(shape: Shape, device: torch.device) -> Tensor:
    """Of ones, which are right as indices of anything but a single row; overlapping where the recorded one was."""
    size = 1 + sum((length - 1) * stride for length, stride in zip(shape.size, shape.stride, strict=True))
    value = torch.ones if shape.dtype.is_floating_point else torch.zeros
    return value(max(size, 0), dtype=shape.dtype, device=device).as_strided(shape.size, shape.stride)
