"""Can the sampler that a config names fill its batches?"""

from dcac_fastreid.errors import InputError

IDENTITY_SAMPLERS = ("NaiveIdentitySampler", "BalancedIdentitySampler", "RandomIdentitySampler")
OURS = ("DCAC", "PrototypicalBaseline")
SAMPLERS = (*IDENTITY_SAMPLERS, "TrainingSampler", "ImbalancedDatasetSampler")


def check_sampler(cfg, processes: int) -> None:
    """Looks for sampler settings with which fast-reid would loop forever or fail in so many processes; needs no data.

    Raises: InputError: an unknown sampler, or a batch that identities with NUM_INSTANCE images each do not fill.
    """
    name, instances = cfg.DATALOADER.SAMPLER_TRAIN, cfg.DATALOADER.NUM_INSTANCE
    if name == "SetReWeightSampler":
        raise InputError(
            f"DATALOADER.SAMPLER_TRAIN is {name}, which fails in every version of fast-reid; use one of {', '.join(SAMPLERS)}"
        )
    if name not in SAMPLERS:
        raise InputError(f"DATALOADER.SAMPLER_TRAIN is {name!r}; known are {', '.join(SAMPLERS)}")
    # Our architectures see the identities of the whole batch in every process; fast-reid's see those of their own part.
    ours = cfg.MODEL.META_ARCHITECTURE in OURS
    batch = cfg.SOLVER.IMS_PER_BATCH // processes
    if batch < 1:
        raise InputError(
            f"SOLVER.IMS_PER_BATCH is {cfg.SOLVER.IMS_PER_BATCH}; expected 1 or more for each of {processes} processes"
        )
    if name not in IDENTITY_SAMPLERS:
        return
    if instances < 1:
        raise InputError(f"DATALOADER.NUM_INSTANCE is {instances}; expected 1 or more images of every identity")
    batch = cfg.SOLVER.IMS_PER_BATCH if ours else batch
    if batch % instances:
        share = f" / {processes} processes = {batch}" if processes > 1 and not ours else ""
        raise InputError(
            f"SOLVER.IMS_PER_BATCH {cfg.SOLVER.IMS_PER_BATCH}{share} is no multiple of DATALOADER.NUM_INSTANCE {instances}, "
            f"as {name} needs; change one of them"
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
            f"on, expected 2 identities or more; add people{halved}, or check that each has a folder or a number of its own"
        )
    if cfg.DATALOADER.SAMPLER_TRAIN in IDENTITY_SAMPLERS and identities < batch // instances:
        raise InputError(
            f"{data_sets} has {identities} identities, a batch needs {batch // instances} with {instances} images each: "
            f"set SOLVER.IMS_PER_BATCH {identities * instances}, or raise DATALOADER.NUM_INSTANCE"
        )
    if 0 < cfg.MODEL.HEADS.NUM_CLASSES < identities:
        raise InputError(
            f"MODEL.HEADS.NUM_CLASSES is {cfg.MODEL.HEADS.NUM_CLASSES}, {data_sets} has {identities} identities; leave it at "
            "0, which counts them"
        )
    if cfg.MODEL.META_ARCHITECTURE in OURS and cfg.MODEL.HEADS.NUM_CLASSES > identities:
        raise InputError(
            f"MODEL.HEADS.NUM_CLASSES is {cfg.MODEL.HEADS.NUM_CLASSES}, but {data_sets} has {identities} identities, and every "
            "class needs images for its ID prototype; leave it at 0, which counts them"
        )
    if len(items) < batch:
        raise InputError(f"{data_sets} has {len(items)} images, a batch needs {batch}: lower SOLVER.IMS_PER_BATCH")
