"""The sampler that a config names, for epochs that can be had again."""

from dcac_fastreid.data.loading.epoch_sampler import EpochSampler
from dcac_fastreid.data.loading.random_identities import RandomIdentitySampler
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
}


def build_epoch_sampler(cfg, items: list[tuple]) -> EpochSampler:
    """The sampler that DATALOADER.SAMPLER_TRAIN names, over the training images (path, person, camera).

    Its seed is SEED; drawn, and shared by all processes, where that is -1. `check_sampler` and `check_batch` come before.
    """
    name, batch = cfg.DATALOADER.SAMPLER_TRAIN, cfg.SOLVER.IMS_PER_BATCH
    seed = cfg.SEED if cfg.SEED >= 0 else comm.shared_random_seed()
    if name == "RandomIdentitySampler":
        return EpochSampler(RandomIdentitySampler(items, batch, cfg.DATALOADER.NUM_INSTANCE), length=None, seed=seed)
    if name in IDENTITY_SAMPLERS:
        sampler = IDENTITY_SAMPLERS[name](items, batch, cfg.DATALOADER.NUM_INSTANCE, seed=0)
    elif name == "TrainingSampler":
        sampler = TrainingSampler(len(items), seed=0)
    else:
        sampler = ImbalancedDatasetSampler(items, seed=0)
    # fast-reid's would draw only this process's part of the stream, and Naive's another one than one process draws.
    sampler._rank, sampler._world_size, sampler.batch_size = 0, 1, batch
    return EpochSampler(sampler, length=len(items) // batch * batch, seed=seed)
