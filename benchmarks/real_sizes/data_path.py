"""What does the CPU do for a batch where a GPU trains? Sampler, draws, images out of the cache, latents by their paths."""

import resource
import time

import torch

BATCHES = 200  # behind a few that are not counted
STEP_MS = 41  # a step of DCAC at batch 64 on a GPU, as peers reach it
MOST = 0.1  # share of it that the CPU may take for a batch


def data_path(trainer) -> dict | None:
    """Milliseconds a batch on one thread: wall, and of the processor; None where the training decodes in every epoch.

    Augmentation and the latents' gather run on the GPU there and are left out and counted here, in this order. So are copies
    to the GPU left out.
    """
    from dcac_fastreid.data.loading.batch_augmentation import BatchAugmentation
    from dcac_fastreid.data.loading.cached_loaders import CachedTrainLoader

    loader, cfg = trainer.data_loader, trainer.cfg
    if not isinstance(loader, CachedTrainLoader):
        return None
    augmentation, device = BatchAugmentation.from_config(cfg), torch.device("cpu")
    moments_of = getattr(getattr(trainer.model, "feedback", None), "moments_of", None)
    batches, threads = iter(loader.batch_sampler), torch.get_num_threads()
    torch.set_num_threads(1)  # several wait for each other, and waiting takes the processor's time
    for number in range(-10, BATCHES):
        if number == 0:
            begin, used = time.perf_counter(), _cpu()
        drawn = next(batches)
        batch = loader.cache.batch([index for index, _ in drawn], device)
        torch.tensor(augmentation.draw(len(drawn), seed=drawn[0][1]))
        if moments_of:
            moments_of(batch["img_paths"])
    wall, used = (1000 * spent / BATCHES for spent in (time.perf_counter() - begin, _cpu() - used))
    torch.set_num_threads(threads)
    most = MOST * STEP_MS
    return {
        "batch": cfg.SOLVER.IMS_PER_BATCH,
        "wall_ms": round(wall, 3),
        "cpu_ms": round(used, 3),
        "most_ms": round(most, 1),
        "holds": used <= most,
    }


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
