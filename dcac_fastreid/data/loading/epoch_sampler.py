"""Which images an epoch trains on: drawn by fast-reid's samplers, settled by seed and epoch alone."""

import itertools
from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler

from dcac_fastreid.data.loading.seeded import seeded


class EpochSampler(Sampler[tuple[int, int]]):
    """Endless (index, seed) for fast-reid's BatchSampler, epoch after epoch: an image, and the seed of its augmentation.

    fast-reid's own stream depends on a seed of the moment and on all else that draws; here every epoch is drawn again from
    (seed, epoch). So any epoch can be had without the ones before it, and an epoch shows nothing of a permutation that
    the one before it left over. Every process has the whole stream, and the loader takes its rows of each batch.

    Args:
        sampler: one of fast-reid's, or a RandomIdentitySampler; makes the draws.
        length: indices of an epoch; None: as many as the sampler draws before it ends.
        seed: >= 0, the same in every process.
    """

    def __init__(self, sampler: Sampler, *, length: int | None, seed: int):
        self._sampler, self._length, self._seed = sampler, length, seed
        self.begin_at(epoch=0, done=0)

    def begin_at(self, epoch: int, done: int) -> None:
        """The next iteration begins in this epoch, behind so many indices of it."""
        self._epoch, self._done = epoch, done

    def __iter__(self) -> Iterator[tuple[int, int]]:
        done = self._done
        for epoch in itertools.count(self._epoch):
            indices = self.epoch_indices(epoch)
            seeds = np.random.SeedSequence([self._seed, epoch, 1]).generate_state(len(indices))
            yield from list(zip(indices, seeds.tolist(), strict=True))[done:]
            done = 0

    @property
    def alike(self) -> bool:
        """Whether all epochs have the same length."""
        return self._length is not None

    def epoch_length(self, epoch: int) -> int:
        """How many indices an epoch has; the same at every call, and before the epoch as after it."""
        return len(self.epoch_indices(epoch)) if self._length is None else self._length

    def epoch_indices(self, epoch: int) -> list[int]:
        """The indices of an epoch: the same at every call."""
        seed = int(np.random.SeedSequence([self._seed, epoch]).generate_state(1)[0])
        with seeded(seed):
            self._sampler._seed = seed  # the samplers begin every iteration with it
            return [int(index) for index in itertools.islice(self._sampler, self._length)]
