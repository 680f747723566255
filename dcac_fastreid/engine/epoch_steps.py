"""How many steps does each epoch have, and where does a step of the run lie?"""

from bisect import bisect_right
from collections.abc import Callable


class EpochSteps:
    """Steps are counted over the whole run, epochs from 0.

    Args:
        steps_of: an epoch to its steps, 1 or more; asked for each epoch once.
        alike: whether all epochs have the same number.
    """

    def __init__(self, steps_of: Callable[[int], int], *, alike: bool):
        self._steps_of, self.alike = steps_of, alike
        self._begins = [0]

    @classmethod
    def of_sampler(cls, sampler, *, batch: int, otherwise: int) -> "EpochSteps":
        """Those of an EpochSampler; of another sampler, which knows no epochs, all alike.

        Args:
            batch: indices of a batch, in this process. otherwise: steps of an epoch of such a sampler.
        """
        if hasattr(sampler, "epoch_length") and not sampler.alike:
            return cls(lambda epoch: sampler.epoch_length(epoch) // batch, alike=False)
        return cls(lambda epoch: otherwise, alike=True)

    def before(self, epoch: int) -> int:
        """Steps of all epochs before this one."""
        while len(self._begins) <= epoch:
            self._begins.append(self._begins[-1] + self._steps_of(len(self._begins) - 1))
        return self._begins[epoch]

    def of(self, epoch: int) -> int:
        return self.before(epoch + 1) - self.before(epoch)

    def place(self, done: int) -> tuple[int, int]:
        """The epoch in which a run with so many steps behind it goes on, and how many of its steps are done."""
        while self._begins[-1] <= done:
            self.before(len(self._begins))
        epoch = bisect_right(self._begins, done) - 1
        return epoch, done - self._begins[epoch]

    def ends(self, done: int) -> bool:
        """Whether an epoch is over with so many steps, 1 or more."""
        return self.place(done)[1] == 0

    def described(self, epochs: int) -> int | list[int]:
        """What a checkpoint keeps of it: the steps of an epoch, or where they differ those of each of the first `epochs`."""
        return self.of(0) if self.alike else [self.of(epoch) for epoch in range(epochs)]
