"""How long do recorded operations take on this machine? Each distinct one is run alone, on tensors of its shapes."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

from dcac_fastreid.profiling.machine import timed
from dcac_fastreid.profiling.shape_run import Operation, Shape
from dcac_fastreid.profiling.step_parts import OperationCount, StepClock

LONG = 0.02  # seconds, from which one call is timed instead of some
CALLS = 5
CHAIN = 100  # layers of the small network that shows what an operation costs besides itself

logger = logging.getLogger(__name__)


@torch.no_grad()
def replay(operations: Iterable[Operation], device: torch.device) -> Counter:
    """Seconds by part of the step: of every operation its time alone, as often as the step runs it."""
    seconds = Counter()
    for operation in operations:
        args, kwargs = tree_map_only(Shape, lambda shape: _tensor(shape, device), (operation.args, operation.kwargs))
        call = partial(operation.function, *args, **kwargs)
        try:
            seconds[operation.part] += operation.count * _seconds(call, device)
        except RuntimeError as error:  # it asks for more than shapes: values, or a state of the GPU
            logger.warning(
                f"the time of {operation.function} is missing in the prediction, it does not run alone: {error}"
            )
    return seconds


def seconds_around_an_operation(device: torch.device) -> float:
    """What Python and autograd take for each operation on the CPU; a GPU computes meanwhile."""
    if device.type == "cuda":
        return 0.0
    chain = nn.Sequential(*(nn.Linear(8, 8) for _ in range(CHAIN)))
    first = torch.ones(8, 8)

    def step():
        chain.zero_grad()
        chain(first).sum().backward()

    with OperationCount(StepClock(device)) as count:
        step()
    alone = _seconds(lambda: torch.mm(first, first), device)
    return max(0.0, _seconds(step, device) / sum(count.counts.values()) - alone)


def copied_bytes_per_second(device: torch.device) -> float:
    """Bytes read and written by a large copy."""
    source = torch.ones(2**26, device=device)
    target = torch.empty_like(source)
    return 2 * source.nbytes / _seconds(lambda: target.copy_(source), device)


def _seconds(call: Callable, device: torch.device) -> float:
    """Of one call: on the CPU the shortest of some, undisturbed by other processes; on a GPU of calls in a row."""
    first = timed(call, device)  # chooses a kernel
    if first > LONG:
        return min(first, timed(call, device))
    if device.type == "cuda":
        return timed(lambda: [call() for _ in range(CALLS)], device) / CALLS
    return min(timed(call, device) for _ in range(CALLS))


def _tensor(shape: Shape, device: torch.device) -> Tensor:
    """Ones, and zeros of a whole type, which may be indices; overlapping itself where the recorded one did."""
    size = 1 + sum((length - 1) * stride for length, stride in zip(shape.size, shape.stride, strict=True))
    value = torch.ones if shape.dtype.is_floating_point else torch.zeros
    return value(max(size, 0), dtype=shape.dtype, device=device).as_strided(shape.size, shape.stride)
