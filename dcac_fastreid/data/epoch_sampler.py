"""Which pictures an epoch trains on: drawn by fast-reid's samplers, settled by seed and epoch alone."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch.utils.data import Sampler


class EpochSampler(Sampler[int]):
    """Endless indices for fast-reid's BatchSampler, epoch after epoch, beginning with `start_epoch`.

    fast-reid's own stream depends on a seed of the moment and on all else that draws; here every epoch is drawn anew from
    (seed, epoch). So any epoch can be had without the ones before it, and an epoch shows nothing of a permutation that
    the one before it left over.

    Args:
        sampler: one of fast-reid's; makes the draws. In several processes it deals them out by rank.
        length: indices of an epoch, in this process.
        seed: >= 0, the same in every process.
    """

    def __init__(self, sampler: Sampler, *, length: int, seed: int):
        self.start_epoch = 0  # read when an iteration begins
        self._sampler, self._length, self._seed = sampler, length, seed

    def __iter__(self) -> Iterator[int]:
        for epoch in itertools.count(self.start_epoch):
            yield from self.epoch_indices(epoch)

    def epoch_indices(self, epoch: int) -> list[int]:
        """This process's indices of an epoch: the same at every call."""
        seed = int(np.random.SeedSequence([self._seed, epoch]).generate_state(1)[0])
        with _draws_from(seed):
            self._sampler._seed = seed  # fast-reid's samplers begin every iteration with it
            return [int(index) for index in itertools.islice(self._sampler, self._length)]


@contextmanager
def _draws_from(seed: int):
    """Seeds the global generators that fast-reid's samplers draw from, and puts them back: NumPy's and PyTorch's."""
    before = np.random.get_state(), torch.get_rng_state()
    np.random.seed(seed)
    torch.default_generator.manual_seed(seed)  # not torch.manual_seed, which seeds the GPUs' generators too
    try:
        yield
    finally:
        np.random.set_state(before[0])
        torch.set_rng_state(before[1])
