"""The loaders of a run: training by EpochSampler, testing, and one plain pass over the training images."""

import logging

import torch
from torch.utils.data import BatchSampler, DataLoader, SequentialSampler

from dcac_fastreid.data.checks.check_batches import check_batch, check_sampler
from dcac_fastreid.data.checks.corrupt import without_corrupt
from dcac_fastreid.data.checks.test_split import check_test_split, warn_of_lonely_queries, warn_of_one_identity
from dcac_fastreid.data.loading.batch_augmentation import BatchAugmentation, why_not_on_batches
from dcac_fastreid.data.loading.cached_loaders import CachedPlainLoader, CachedTrainLoader
from dcac_fastreid.data.loading.image_cache import ImageCache
from dcac_fastreid.data.loading.kept_pixels import training_pixels
from dcac_fastreid.data.loading.progress_bar import progress_bar
from dcac_fastreid.data.loading.samplers import build_epoch_sampler
from dcac_fastreid.data.loading.train_set import TrainSet
from dcac_fastreid.data.loading.transforms import test_transforms, train_transforms
from dcac_fastreid.data.locations import data_root, use_data_root
from dcac_fastreid.data.readers.validation import training_items, validation_split
from dcac_fastreid.distributed.shared_work import processes_of_job
from dcac_fastreid.distributed.shares import is_own_batch, own_share
from fastreid.data import build
from fastreid.data.build import build_reid_test_loader, fast_batch_collator
from fastreid.data.common import CommDataset
from fastreid.data.datasets import DATASET_REGISTRY
from fastreid.data.transforms import build_transforms
from fastreid.utils import comm

logger = logging.getLogger("fastreid.dcac")

PLAIN_BATCH_ON_GPU = 512  # images of the pass that makes the prototypes


class OwnRows(BatchSampler):
    """Of each batch of a stream that all processes have, this one's rows."""

    def __iter__(self):
        for batch in super().__iter__():
            yield batch[own_share(len(batch))]


class OwnBatches(BatchSampler):
    """Of the batches of a finite pass that all processes have, this one's."""

    def __iter__(self):
        return (batch for number, batch in enumerate(super().__iter__()) if is_own_batch(number))

    def __len__(self) -> int:
        return sum(map(is_own_batch, range(super().__len__())))


class ProgressLoader:
    """A loader whose passes show a progress bar, and draw nothing from torch's global generator; all else as the loader."""

    def __init__(self, loader: DataLoader | CachedPlainLoader, description: str):
        if isinstance(loader, DataLoader):
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
        return iter(progress_bar(self._loader, desc=self._description, unit="batch"))


def build_train_loader(cfg) -> DataLoader | CachedTrainLoader:
    """The training loader for DATASETS.NAMES under DATASETS.ROOT: fast-reid's batches, of images that are decoded once.

    fast-reid's own loader, which gives the same batches, where DATALOADER.CACHE_IMAGES is False or INPUT asks for an
    augmentation that is not made on batches, which is logged.

    The loader's `batch_sampler.sampler` is an EpochSampler. Validation identities that SOLVER.INTERPOLATE.CHOOSE holds out are
    in no batch. Images that DATALOADER.SKIP_CORRUPT leaves out are in neither
    the loader's `dataset` nor its class numbers.

    Raises: InputError: a sampler setting, too few images for a batch, or a data set of ours that is not complete.
    """
    check_sampler(cfg, comm.get_world_size())
    root = use_data_root(cfg)
    items = []
    for name in cfg.DATASETS.NAMES:
        dataset = DATASET_REGISTRY.get(name)(root=root, combineall=cfg.DATASETS.COMBINEALL)
        if comm.is_main_process():
            dataset.show_train()
        items += _readable(cfg, training_items(cfg, dataset), f"{name}, train")
    check_batch(cfg, items)
    train_set = TrainSet(items, train_transforms(cfg), relabel=True)
    sampler = build_epoch_sampler(cfg, items)
    if pixels := training_pixels(cfg):
        return CachedTrainLoader(
            train_set,
            BatchSampler(sampler, cfg.SOLVER.IMS_PER_BATCH, drop_last=True),
            cache=ImageCache(train_set, pixels),
            augmentation=BatchAugmentation.from_config(cfg),
            device=torch.device(cfg.MODEL.DEVICE),
        )
    if cfg.DATALOADER.CACHE_IMAGES:
        reason = why_not_on_batches(cfg)
        logger.info(f"Images are decoded again in every epoch, DATALOADER.CACHE_IMAGES is of no effect: {reason}")
    if comm.get_world_size() > 1:
        logger.warning(
            "Every process augments its own rows of a batch, of seeds of its own: the images are those of one process, their "
            "augmentation is not. With DATALOADER.CACHE_IMAGES, and an INPUT that it serves, it would be"
        )
    loader = build.DataLoaderX(  # as fast-reid's build_reid_train_loader, but for the rows
        comm.get_local_rank(),
        dataset=train_set,
        num_workers=cfg.DATALOADER.NUM_WORKERS,
        batch_sampler=OwnRows(sampler, cfg.SOLVER.IMS_PER_BATCH, drop_last=True),
        collate_fn=fast_batch_collator,
        pin_memory=True,
    )
    # It draws a seed for its workers: from the global generator, a resumed run would draw it at another place.
    loader.generator = torch.Generator()
    return loader


def build_test_loader(cfg, dataset_name: str):
    """fast-reid's test loader for a data set under DATASETS.ROOT, and its number of query images.

    fast-reid's own construction from cfg ignores DATALOADER.NUM_WORKERS and always starts four. Of several processes, it gives
    each a batch of TEST.IMS_PER_BATCH / processes; here each has whole batches, those of one process, hence the same features.

    Raises: InputError: a data set of ours that is not complete, or a split that cannot be scored.
    """
    dataset = DATASET_REGISTRY.get(dataset_name)(root=data_root(cfg.DATASETS.ROOT))
    if comm.is_main_process():
        dataset.show_test()
    check_test_split(dataset_name, dataset.query, dataset.gallery)
    query = _readable(cfg, dataset.query, f"{dataset_name}, query")
    gallery = _readable(cfg, dataset.gallery, f"{dataset_name}, gallery")
    if cfg.DATALOADER.SKIP_CORRUPT:
        warn_of_lonely_queries(dataset_name, query, gallery)
    warn_of_one_identity(dataset_name, query, gallery)
    return _test_loader(cfg, query, gallery, f"testing on {dataset_name}")


def build_validation_loaders(cfg) -> list[tuple[ProgressLoader, int]]:
    """For every data set of DATASETS.NAMES a test loader over its validation identities, and its number of query images.

    Raises: InputError: a data set that has too few of them.
    """
    loaders = []
    for name in cfg.DATASETS.NAMES:
        query, gallery = (_readable(cfg, items, f"{name}, validation") for items in validation_split(cfg, name))
        loaders.append(_test_loader(cfg, query, gallery, f"validation on {name}"))
    return loaders


def _test_loader(cfg, query: list[tuple], gallery: list[tuple], description: str) -> tuple[ProgressLoader, int]:
    loader, num_query = build_reid_test_loader(
        test_set=CommDataset(query + gallery, test_transforms(cfg), relabel=False),
        test_batch_size=cfg.TEST.IMS_PER_BATCH * comm.get_world_size(),  # which fast-reid divides again
        num_query=len(query),
        num_workers=cfg.DATALOADER.NUM_WORKERS,
    )
    loader.batch_sampler.sampler = _images_of_process(len(query) + len(gallery), cfg.TEST.IMS_PER_BATCH)
    return ProgressLoader(loader, description), num_query


def _images_of_process(images: int, batch: int) -> range:
    """Those in the batches that this process tests; none where there are fewer batches than processes."""
    firsts = processes_of_job().own(range(0, images, batch))
    return range(firsts.start, min(firsts.stop, images))


def build_plain_train_loader(cfg, train_loader: DataLoader | CachedTrainLoader) -> ProgressLoader:
    """One finite pass over the images of a training loader, every image once, without augmentation, class numbers as there.

    Of several processes each gets its own batches. Images are resized as in training, by bicubic interpolation, whatever
    INPUT.TEST_INTERPOLATION says.

    It takes a training loader's cache, where that has one and INPUT.SIZE_TEST is the size of its images.
    """
    if isinstance(train_loader, CachedTrainLoader) and list(cfg.INPUT.SIZE_TEST) == list(cfg.INPUT.SIZE_TRAIN):
        device, batch_size = train_loader.device, cfg.TEST.IMS_PER_BATCH
        if device.type == "cuda" and not cfg.SOLVER.MICRO_BATCH:  # which says that the GPU is small
            batch_size = max(batch_size, PLAIN_BATCH_ON_GPU)
        return ProgressLoader(CachedPlainLoader(train_loader.cache, batch_size=batch_size, device=device), "prototypes")
    plain_set = CommDataset(train_loader.dataset.img_items, build_transforms(cfg, is_train=False), relabel=True)
    loader = DataLoader(
        plain_set,
        batch_sampler=OwnBatches(SequentialSampler(plain_set), cfg.TEST.IMS_PER_BATCH, drop_last=False),
        num_workers=cfg.DATALOADER.NUM_WORKERS,
        collate_fn=fast_batch_collator,
    )
    return ProgressLoader(loader, "prototypes")


def _readable(cfg, items: list[tuple], what: str) -> list[tuple]:
    return without_corrupt(items, what) if cfg.DATALOADER.SKIP_CORRUPT else items
