"""Which sampler does a config name, and can it fill a batch?"""

from dcac_fastreid.data.batch_augmentation import why_not_on_batches
from dcac_fastreid.data.epoch_sampler import EpochSampler
from dcac_fastreid.data.hard_identities import HardIdentitySampler
from dcac_fastreid.data.random_identities import RandomIdentitySampler
from dcac_fastreid.errors import InputError
from fastreid.data.samplers import (
    BalancedIdentitySampler,
    ImbalancedDatasetSampler,
    NaiveIdentitySampler,
    TrainingSampler,
)
from fastreid.utils import comm

IDENTITY_SAMPLERS = {
    "NaiveIdentitySampler": NaiveIdentitySampler,
    "BalancedIdentitySampler": BalancedIdentitySampler,
    "RandomIdentitySampler": RandomIdentitySampler,
    "HardIdentitySampler": HardIdentitySampler,
}
WITH_PROTOTYPES = ("DCAC", "PrototypicalBaseline")
SAMPLERS = (*IDENTITY_SAMPLERS, "TrainingSampler", "ImbalancedDatasetSampler")


def check_sampler(cfg, processes: int) -> None:
    """Looks for sampler settings with which fast-reid would loop forever or fail in so many processes; needs no data.

    Raises: InputError: an unknown sampler, or a batch that identities with NUM_INSTANCE pictures each do not fill.
    """
    name, instances = cfg.DATALOADER.SAMPLER_TRAIN, cfg.DATALOADER.NUM_INSTANCE
    if name == "SetReWeightSampler":
        raise InputError(
            f"DATALOADER.SAMPLER_TRAIN is {name}, which fails in every version of fast-reid; use one of {', '.join(SAMPLERS)}"
        )
    if name not in SAMPLERS:
        raise InputError(f"DATALOADER.SAMPLER_TRAIN is {name!r}; known are {', '.join(SAMPLERS)}")
    batch = cfg.SOLVER.IMS_PER_BATCH // processes
    if batch < 1:
        raise InputError(
            f"SOLVER.IMS_PER_BATCH is {cfg.SOLVER.IMS_PER_BATCH}; expected 1 or more for each of {processes} processes"
        )
    if name not in IDENTITY_SAMPLERS:
        return
    if name == "HardIdentitySampler":
        _check_hard_identities(cfg)
    if instances < 1:
        raise InputError(f"DATALOADER.NUM_INSTANCE is {instances}; expected 1 or more pictures of every identity")
    if batch % instances:
        share = f" / {processes} processes = {batch}" if processes > 1 else ""
        raise InputError(
            f"SOLVER.IMS_PER_BATCH {cfg.SOLVER.IMS_PER_BATCH}{share} is no multiple of DATALOADER.NUM_INSTANCE {instances}, "
            f"as {name} needs; change one of them"
        )


def _check_hard_identities(cfg) -> None:
    """Raises InputError: no prototypes to find neighbours by, or a loader that draws an epoch before these are made."""
    if cfg.MODEL.META_ARCHITECTURE not in WITH_PROTOTYPES:
        raise InputError(
            f"DATALOADER.SAMPLER_TRAIN is HardIdentitySampler, but {cfg.MODEL.META_ARCHITECTURE} has no ID prototypes, by which it "
            f"finds neighbours; known with them are {' and '.join(WITH_PROTOTYPES)}"
        )
    if reason := why_not_on_batches(cfg) if cfg.DATALOADER.CACHE_IMAGES else "it is False":
        raise InputError(
            "DATALOADER.SAMPLER_TRAIN is HardIdentitySampler, which needs the images of DATALOADER.CACHE_IMAGES, but "
            f"{reason}; change that, or use NaiveIdentitySampler"
        )


def brings_pairs(cfg) -> bool:
    """Whether the sampler puts several images of each identity into a batch, not by chance alone."""
    return cfg.DATALOADER.SAMPLER_TRAIN in IDENTITY_SAMPLERS and cfg.DATALOADER.NUM_INSTANCE > 1


def check_batch(cfg, items: list[tuple]) -> None:
    """Looks for training sets that do not fill one batch: fast-reid would loop forever, or train no step.

    Args:
        items: (path, person, camera), the training images of all DATASETS.NAMES.
    Raises: InputError: fewer than two identities, or too few identities or images for a batch.
    """
    data_sets, batch, instances = ", ".join(cfg.DATASETS.NAMES), cfg.SOLVER.IMS_PER_BATCH, cfg.DATALOADER.NUM_INSTANCE
    identities = len({person for _, person, _ in items})
    if identities < 2:
        halved = " (of a PersonFolders that is not divided, half are tested)" if "PersonFolders" in data_sets else ""
        raise InputError(
            f"{data_sets} has {len(items)} images of {identities} {'identity' if identities == 1 else 'identities'} to train "
            f"on, expected 2 identities or more; add persons{halved}, or check that each has a folder or a number of its own"
        )
    if cfg.DATALOADER.SAMPLER_TRAIN in IDENTITY_SAMPLERS and identities < batch // instances:
        raise InputError(
            f"{data_sets} has {identities} identities, a batch needs {batch // instances} with {instances} pictures each: "
            f"set SOLVER.IMS_PER_BATCH {identities * instances}, or raise DATALOADER.NUM_INSTANCE"
        )
    if 0 < cfg.MODEL.HEADS.NUM_CLASSES < identities:
        raise InputError(
            f"MODEL.HEADS.NUM_CLASSES is {cfg.MODEL.HEADS.NUM_CLASSES}, {data_sets} has {identities} identities; leave it at "
            "0, which counts them"
        )
    if cfg.MODEL.META_ARCHITECTURE in WITH_PROTOTYPES and cfg.MODEL.HEADS.NUM_CLASSES > identities:
        raise InputError(
            f"MODEL.HEADS.NUM_CLASSES is {cfg.MODEL.HEADS.NUM_CLASSES}, but {data_sets} has {identities} identities, and every "
            "class needs images for its ID prototype; leave it at 0, which counts them"
        )
    if len(items) < batch:
        raise InputError(f"{data_sets} has {len(items)} images, a batch needs {batch}: lower SOLVER.IMS_PER_BATCH")


def build_epoch_sampler(cfg, items: list[tuple]) -> EpochSampler:
    """The sampler that DATALOADER.SAMPLER_TRAIN names, over the training images (path, person, camera).

    Its seed is SEED; drawn, and shared by all processes, where that is -1. `check_sampler` and `check_batch` come before.
    """
    name, mini_batch = cfg.DATALOADER.SAMPLER_TRAIN, cfg.SOLVER.IMS_PER_BATCH // comm.get_world_size()
    length = len(items) // cfg.SOLVER.IMS_PER_BATCH * mini_batch
    if name == "RandomIdentitySampler":
        sampler, length = RandomIdentitySampler(items, cfg.SOLVER.IMS_PER_BATCH, cfg.DATALOADER.NUM_INSTANCE), None
    elif name == "HardIdentitySampler":
        loader = cfg.DATALOADER
        sampler = HardIdentitySampler(items, mini_batch, loader.NUM_INSTANCE, loader.HARD_SHARE)
    elif name in IDENTITY_SAMPLERS:
        sampler = IDENTITY_SAMPLERS[name](items, mini_batch, cfg.DATALOADER.NUM_INSTANCE, seed=0)
    elif name == "TrainingSampler":
        sampler = TrainingSampler(len(items), seed=0)
    else:
        sampler = ImbalancedDatasetSampler(items, seed=0)
    seed = cfg.SEED if cfg.SEED >= 0 else comm.shared_random_seed()
    return EpochSampler(sampler, length=length, seed=seed)
