"""Loaders of an ImageCache: endless augmented batches to train on, and finite passes without augmentation."""

from collections.abc import Iterator

import torch
from torch.utils.data import Sampler

from dcac_fastreid.data.loading.batch_augmentation import BatchAugmentation
from dcac_fastreid.data.loading.image_cache import ImageCache
from dcac_fastreid.distributed.shares import is_own_batch, own_share
from fastreid.data.common import CommDataset


class CachedTrainLoader:
    """The batches of fast-reid's training loader over a TrainSet, to the bit, without processes of their own.

    Of several processes that train together each gets its rows of every batch, augmented as those of the whole batch.

    Args:
        dataset: the training set.
        batch_sampler: lists of an EpochSampler's (index, seed); a batch is augmented by the seed of its first.
        cache: of the images of `dataset`.
        device: of the batches.
    """

    def __init__(
        self,
        dataset: CommDataset,
        batch_sampler: Sampler,
        *,
        cache: ImageCache,
        augmentation: BatchAugmentation,
        device: torch.device,
    ):
        self.dataset, self.batch_sampler = dataset, batch_sampler
        self.cache, self.device = cache, device
        self._augmentation = augmentation

    def __iter__(self) -> Iterator[dict]:
        for drawn in self.batch_sampler:
            own = own_share(len(drawn))
            batch = self.cache.batch([index for index, _ in drawn[own]], self.device)
            draws = self._augmentation.draw(len(drawn), seed=drawn[0][1])[own]
            yield {**batch, "images": self._augmentation.apply(batch["images"], draws)}


class CachedPlainLoader:
    """One finite pass over a cache, every image once and in order, as fast-reid's test transforms deliver them.

    Of several processes that train together each gets its own batches, see distributed/shares.py.
    """

    def __init__(self, cache: ImageCache, *, batch_size: int, device: torch.device):
        self._cache, self._batch_size, self._device = cache, batch_size, device

    def __len__(self) -> int:
        return len(self._begins())

    def _begins(self) -> list[int]:
        begins = range(0, len(self._cache), self._batch_size)
        return [begin for number, begin in enumerate(begins) if is_own_batch(number)]

    def __iter__(self) -> Iterator[dict]:
        for begin in self._begins():
            indices = range(begin, min(begin + self._batch_size, len(self._cache)))
            batch = self._cache.batch(indices, self._device)
            yield {**batch, "images": batch["images"].float()}
