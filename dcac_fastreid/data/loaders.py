"""Loaders that fast-reid lacks: testing with DATALOADER.NUM_WORKERS, and one plain pass over the training images."""

import torch
from torch.utils.data import DataLoader
from tqdm import tqdm

from dcac_fastreid.data.locations import data_root
from fastreid.data.build import build_reid_test_loader, fast_batch_collator
from fastreid.data.common import CommDataset
from fastreid.data.datasets import DATASET_REGISTRY
from fastreid.data.transforms import build_transforms


class ProgressLoader:
    """A loader whose passes show a progress bar, and draw nothing from torch's global generator; all else as the loader."""

    def __init__(self, loader: DataLoader, description: str):
        # Every pass draws a seed for its workers: from the global generator, it would shift the augmentation's numbers.
        loader.generator = torch.Generator()
        self._loader = loader
        self._description = description

    def __getattr__(self, name: str):
        if name == "_loader":  # while being copied: not there yet
            raise AttributeError(name)
        return getattr(self._loader, name)

    def __len__(self) -> int:
        return len(self._loader)

    def __iter__(self):
        return iter(tqdm(self._loader, desc=self._description, unit="batch", disable=None, leave=False))


def build_test_loader(cfg, dataset_name: str):
    """fast-reid's test loader for a data set under DATASETS.ROOT, and its number of query images.

    fast-reid's own construction from cfg ignores DATALOADER.NUM_WORKERS and always starts four.
    """
    dataset = DATASET_REGISTRY.get(dataset_name)(root=data_root(cfg.DATASETS.ROOT))
    dataset.show_test()
    test_set = CommDataset(dataset.query + dataset.gallery, build_transforms(cfg, is_train=False), relabel=False)
    loader, num_query = build_reid_test_loader(
        test_set=test_set,
        test_batch_size=cfg.TEST.IMS_PER_BATCH,
        num_query=len(dataset.query),
        num_workers=cfg.DATALOADER.NUM_WORKERS,
    )
    return ProgressLoader(loader, f"testing on {dataset_name}"), num_query


def build_plain_train_loader(cfg, train_set: CommDataset) -> ProgressLoader:
    """One finite pass over a training set, every image once, without augmentation and with the same class numbers."""
    plain_set = CommDataset(train_set.img_items, build_transforms(cfg, is_train=False), relabel=True)
    loader = DataLoader(
        plain_set,
        batch_size=cfg.TEST.IMS_PER_BATCH,
        num_workers=cfg.DATALOADER.NUM_WORKERS,
        collate_fn=fast_batch_collator,
    )
    return ProgressLoader(loader, "prototypes")
