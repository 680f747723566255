"""Work that several processes share: which part is whose, and the parts together again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import TypeVar

from torch import distributed

from dcac_fastreid.distributed.join import patient_group
from dcac_fastreid.errors import InputError
from fastreid.utils import comm

T = TypeVar("T")
PIECES = 64


def even_pieces(items: int, shortest: int, at_least: int = 1) -> list[slice]:
    """Slices over `items`, whose lengths differ by one at most, the longer ones first.

    So many that processes can share them evenly. Their number does not depend on that of the processes: the bits of a product
    of matrices may depend on the numbers of rows.

    Args:
        shortest: a slice has no fewer items, unless there are fewer, or `at_least` says otherwise.
        at_least: number of slices.
    """
    pieces = min(max(at_least, min(PIECES, items // shortest)), items)
    length, longer = divmod(items, pieces) if items else (0, 0)
    ends = [piece * length + min(piece, longer) for piece in range(pieces + 1)]
    return [slice(first, end) for first, end in pairwise(ends)]


@dataclass(frozen=True)
class Processes:
    """Those that share some work. Each one calls the same methods in the same order.

    Args: rank: of this process. size: their number.
    """

    rank: int = 0
    size: int = 1

    def own(self, pieces: Sequence[T]) -> Sequence[T]:
        """This process's part of the pieces of some work: in rank order the parts are the pieces, each once.

        The parts differ in length by one at most. Of fewer pieces than processes, the main process has one.
        """
        first, end = (-(-len(pieces) * rank // self.size) for rank in (self.rank, self.rank + 1))
        return pieces[first:end]

    def together(self, work: Callable[[], Sequence[T]]) -> list[T]:
        """What `work` returns in each process, in rank order, in every process.

        Nobody waits for a process that failed: an InputError of one is raised in all, and of several the first in rank order,
        which is the one that a single process would have met.
        """
        if self.size == 1:
            return list(work())
        try:
            part = work()
        except InputError as error:
            part = error
        parts = [None] * self.size
        # fast-reid's all_gather does the same with a warning of PyTorch's.
        distributed.all_gather_object(parts, part, group=patient_group())
        for of_process in parts:
            if isinstance(of_process, InputError):
                raise of_process
        return list(chain.from_iterable(parts))

    def of_first(self, work: Callable[[], T]) -> T:
        """What `work` returns in the main process, which alone does it, in every process; an InputError is raised in all."""
        return self.together(lambda: [] if self.rank else [work()])[0]


ALONE = Processes()


def processes_of_job() -> Processes:
    """All that fast-reid's process group has; without one, this process alone."""
    return Processes(comm.get_rank(), comm.get_world_size())
