"""Epochs that end when too few identities have images left, as in the authors' code. P identities, K images of each."""

from collections.abc import Iterator, Sequence

import numpy as np
from torch.utils.data import Sampler


class RandomIdentitySampler(Sampler[int]):
    """One epoch of batches of P x K images, none of which comes twice: they last for as many batches as they happen to last.

    The images of an identity are shuffled and cut into groups of K; up to K - 1 are left over, and where there are fewer
    than K in all, they make one group, some of them more than once. A batch takes a group of each of P identities, drawn
    evenly from those that have one left. The epoch ends when there are fewer than P of these. So identities with few
    images are used up first, and the epoch is shorter than its images would allow: by 6 to 16 % in the data sets of
    the paper.

    Args:
        items: (path, person, camera).
        batch: images of a batch, of all processes together; a multiple of K.
        instances: K.
    """

    def __init__(self, items: Sequence[tuple], batch: int, instances: int):
        images: dict[object, list[int]] = {}
        for index, (_, person, _) in enumerate(items):
            images.setdefault(person, []).append(index)
        self._images = [np.array(indices) for indices in images.values()]
        self._identities, self._instances = batch // instances, instances
        self._seed = 0  # set by EpochSampler before every epoch

    def __iter__(self) -> Iterator[int]:
        random = np.random.RandomState(self._seed)
        groups = [self._groups(indices, random) for indices in self._images]
        left = np.arange(len(groups))
        while len(left) >= self._identities:
            drawn = random.choice(left, self._identities, replace=False)
            for identity in drawn:
                yield from groups[identity].pop()
            if used_up := [identity for identity in drawn if not groups[identity]]:
                left = left[~np.isin(left, used_up)]

    def _groups(self, indices: np.ndarray, random: np.random.RandomState) -> list[list[int]]:
        size = self._instances
        shuffled = random.permutation(indices) if len(indices) >= size else random.choice(indices, size)
        return [shuffled[begin : begin + size].tolist() for begin in range(0, len(shuffled) - size + 1, size)]
