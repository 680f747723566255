"""Do all processes still have the same model? Weights are computed from the same gradients, so they are equal to the bit."""

from collections.abc import Iterator

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.optim import Optimizer

from dcac_fastreid.errors import InputError
from fastreid.utils import comm

TOLERANCE = 1e-5  # of what every process computes for itself: kernels of a GPU may add in another order
CHUNK = 2**22  # numbers whose bits are summed at a time
_BITS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}  # by bytes of a number


def check_same_bits(model: nn.Module, optimizer: Optimizer) -> None:
    """Compares the weights that train, and the optimizer's numbers of them, over all processes.

    Raises: InputError, in every process: they differ.
    """
    if comm.get_world_size() == 1:
        return
    named = dict(_trained(model, optimizer))
    digests = [int(_digest(tensor)) for tensor in named.values()]
    first, *others = comm.all_gather(digests)
    for rank, theirs in enumerate(others, 1):
        for name, one, other in zip(named, first, theirs, strict=True):
            if one != other:
                raise _apart(f"{name} has other bits in process {rank} than in process 0")


def agree_to_rounding(model: nn.Module) -> None:
    """Gives every process the first one's buffers: prototypes and running statistics, which each computes for itself.

    Raises: InputError, in every process: they differ by more than TOLERANCE, relative or absolute.
    """
    if comm.get_world_size() == 1:
        return
    apart = []
    for name, buffer in model.named_buffers():
        if buffer.is_floating_point():
            of_first = buffer.detach().clone()
            dist.broadcast(of_first, 0)
            if not torch.isclose(buffer, of_first, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True).all():
                apart.append(name)
            buffer.copy_(of_first)
    for rank, names in enumerate(comm.all_gather(apart)):
        if names:
            raise _apart(f"{names[0]} differs by more than {TOLERANCE:g} in process {rank} from process 0")


def _apart(how: str) -> InputError:
    return InputError(
        f"the processes no longer train the same model: {how}; the run has ended here, go on from its last checkpoint with "
        "--resume, and if it comes again, with one process, and report it"
    )


def _trained(model: nn.Module, optimizer: Optimizer) -> Iterator[tuple[str, Tensor]]:
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            yield name, weight.detach()
            for key, number in optimizer.state.get(weight, {}).items():
                if isinstance(number, Tensor):
                    yield f"the optimizer's {key} of {name}", number


def _digest(tensor: Tensor) -> Tensor:
    """An int64, another one wherever a single number has other bits; computed where the tensor is, in any order."""
    bits = tensor.contiguous().view(_BITS[tensor.element_size()]).flatten()
    digest = torch.zeros((), dtype=torch.int64, device=tensor.device)
    for start in range(0, len(bits), CHUNK):
        chunk = bits[start : start + CHUNK].long()
        places = torch.arange(start, start + len(chunk), device=chunk.device)
        digest += (chunk * (2 * places + 1)).sum()  # odd: times a difference of less than 2**63 never 0
    return digest
