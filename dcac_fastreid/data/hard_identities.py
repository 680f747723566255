"""Batches of identities that look alike: an anchor and its nearest by the ID prototypes.

As Graph Sampler (Liao and Shao, CVPR 2022), which has the distances of one image of each identity in their place.

N identities, P of them and K images of each in a batch, D feature width.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from torch import Tensor
from torch.utils.data import Sampler


class HardIdentitySampler(Sampler[int]):
    """Endless batches of P x K images: an anchor, its nearest other identities by cosine, and others at random.

    Every identity is the anchor once before any is it again. An image of an identity comes again when fewer than K of its
    images are left; where it has fewer than K in all, some come more than once in a batch. The anchors follow from the seed
    alone, all else from seed and prototypes.

    Args:
        items: (path, person, camera).
        batch: images of a batch, a multiple of K.
        instances: K.
        share: of the P - 1 identities beside the anchor, those that are its nearest, in [0, 1]; rounded.
    Attributes:
        prototypes: gives (N, D), unit rows, in the order of the classes; asked when an iteration begins.
    """

    prototypes: Callable[[], Tensor]

    def __init__(self, items: Sequence[tuple], batch: int, instances: int, share: float):
        images: dict[object, list[int]] = {}
        for index, (_, person, _) in enumerate(items):
            images.setdefault(person, []).append(index)
        self._images = [images[person] for person in sorted(images)]  # the order of fast-reid's class numbers
        self._others, self._instances = batch // instances - 1, instances
        self._nearest = round(share * self._others)
        self._seed = 0  # set by EpochSampler before every epoch

    def __iter__(self) -> Iterator[int]:
        of_anchors, random = (np.random.default_rng([self._seed, stream]) for stream in range(2))
        prototypes = self.prototypes().float().cpu().numpy().copy()  # they move at every step
        left: dict[int, list[int]] = {}
        while True:
            for anchor in of_anchors.permutation(len(self._images)):
                for identity in self._batch(int(anchor), prototypes, random):
                    yield from self._take(identity, left, random)

    def _batch(self, anchor: int, prototypes: np.ndarray, random: np.random.Generator) -> list[int]:
        """The identities of a batch, the anchor first."""
        by_cosine = np.argsort(-(prototypes @ prototypes[anchor]), kind="stable")
        by_cosine = by_cosine[by_cosine != anchor]
        others = random.choice(by_cosine[self._nearest :], self._others - self._nearest, replace=False)
        return [anchor, *by_cosine[: self._nearest].tolist(), *others.tolist()]

    def _take(self, identity: int, left: dict[int, list[int]], random: np.random.Generator) -> list[int]:
        """K images of an identity, taken from those that are left of it."""
        images, instances = self._images[identity], self._instances
        if len(left.get(identity, ())) < instances:
            enough = len(images) >= instances
            left[identity] = (random.permutation(images) if enough else random.choice(images, instances)).tolist()
        taken, left[identity] = left[identity][:instances], left[identity][instances:]
        return taken
