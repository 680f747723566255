"""Which pictures an epoch trains on: drawn by fast-reid's samplers, settled by seed and epoch alone."""

import functools
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch.utils.data import Sampler

from fastreid.data.samplers import data_sampler, imbalance_sampler, triplet_sampler

_drawing = threading.Lock()


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
    """Gives fast-reid's samplers random numbers of their own.

    They draw from `np` and `torch`, names of their files. To seed the global generators and put them back afterwards
    would not do: with a GPU, fast-reid's loader runs the sampler in a thread beside the training.
    """
    multinomial = functools.partial(torch.multinomial, generator=torch.Generator().manual_seed(seed))
    with _drawing:
        _let_samplers_use(_Instead(np, random=np.random.RandomState(seed)), _Instead(torch, multinomial=multinomial))
        try:
            yield
        finally:
            _let_samplers_use(np, torch)


def _let_samplers_use(numpy, pytorch) -> None:
    data_sampler.np = triplet_sampler.np = imbalance_sampler.np = numpy
    imbalance_sampler.torch = pytorch


class _Instead:
    """A module with some of its names replaced."""

    def __init__(self, module, **replaced):
        self._module = module
        vars(self).update(replaced)

    def __getattr__(self, name: str):
        return getattr(self._module, name)
