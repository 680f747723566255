"""The parts of a training, put together as DCACTrainer does, on the fake GPU of fake_gpu.py. B batch, N identities, M images."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import torch
from torch._subclasses.fake_tensor import unset_fake_temporarily

from dcac_fastreid.data.loading.batch_augmentation import BatchAugmentation
from dcac_fastreid.data.loading.cached_loaders import CachedPlainLoader, CachedTrainLoader
from dcac_fastreid.data.loading.image_cache import ImageCache
from dcac_fastreid.data.loading.loaders import PLAIN_BATCH_ON_GPU
from dcac_fastreid.data.pixel_file import TRAIN, PixelFile
from dcac_fastreid.diffusion import LatentCache, stable_diffusion
from dcac_fastreid.engine import DCACTrainer
from dcac_fastreid.engine.hooks import PrototypeReset
from dcac_fastreid.engine.optimizer import build_optimizer
from dcac_fastreid.engine.settings import autocast_dtype
from dcac_fastreid.profiling.build import architecture
from fastreid.engine import defaults
from fastreid.utils.events import EventStorage

from .fake_gpu import FakeGpu

IMAGES = 4  # for each identity


class FakeTraining:
    """All that a step needs; `run` makes one.

    Args:
        cfg: of a small model or a real one; its MODEL.DEVICE does not matter.
        num_classes: N.
        gpu: the fake one.
    """

    def __init__(self, cfg, num_classes: int, gpu: FakeGpu):
        self._gpu = gpu
        self.cfg = cfg = cfg.clone()
        cfg.defrost()
        cfg.MODEL.DEVICE, cfg.MODEL.BACKBONE.PRETRAIN, cfg.MODEL.HEADS.NUM_CLASSES = "cuda", False, num_classes
        empty = stable_diffusion.empty_denoiser(architecture(cfg))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(stable_diffusion, "load_denoiser", lambda weights, ema: empty)
            self.model = DCACTrainer.build_model(cfg).train()
        self.loader = _loader(cfg, num_classes)
        if getattr(self.model, "feedback", None) is not None:
            self.model.feedback.connect_latents(_latents(cfg, self.loader.cache).lookup, 0.18215)
        self.optimizer, _ = build_optimizer(cfg, self.model)
        self.schedule = DCACTrainer.build_lr_scheduler(cfg, self.optimizer, 10)
        kind = defaults.AMPTrainer if cfg.SOLVER.AMP.ENABLED else defaults.SimpleTrainer
        self.inner = kind(self.model, self.loader, self.optimizer, None)
        if cfg.SOLVER.AMP.ENABLED:
            self.inner.set_dtype(autocast_dtype(cfg))

    def fill_prototypes(self) -> None:
        """What comes before an epoch."""
        plain = CachedPlainLoader(self.loader.cache, batch_size=PLAIN_BATCH_ON_GPU, device=self.loader.device)
        hook = PrototypeReset(self.model, plain, autocast_dtype(self.cfg))
        hook.trainer = SimpleNamespace(resumed_inside=False)
        hook.before_epoch()

    def run(self) -> list[str]:
        """A step and an epoch's end for the schedule; the names of the numbers that the step has given to the storage."""
        self.inner._data_loader_iter = iter(self.loader)  # a generator that raised is at its end
        with EventStorage() as storage, self._gpu.no_waiting():
            self.inner.run_step()
            self.schedule["lr_sched"].step()
        return [name for name, _ in storage.waiting()]


def _loader(cfg, num_classes: int) -> CachedTrainLoader:
    count, size = num_classes * IMAGES, tuple(cfg.INPUT.SIZE_TRAIN)
    items = [(f"{index}.jpg", index // IMAGES, index % IMAGES) for index in range(count)]
    numbers = {index: index for index in range(max(num_classes, IMAGES))}
    train_set = SimpleNamespace(img_items=items, pid_dict=numbers, cam_dict=numbers)
    cache = ImageCache(train_set, PixelFile(TRAIN, size))
    cache.kept = torch.empty((count, 3, *size), dtype=torch.uint8), torch.arange(count)
    return CachedTrainLoader(
        train_set,
        _Batches(count, cfg.SOLVER.IMS_PER_BATCH),
        cache=cache,
        augmentation=_Augmentation.from_config(cfg),
        device=torch.device("cuda"),
    )


def _latents(cfg, cache: ImageCache) -> LatentCache:
    latents = LatentCache("", "")
    latents._rows = {path: row for row, path in enumerate(cache._paths)}
    height, width = (side // 8 for side in cfg.MODEL.DCAC.DIFFUSION.SIZE)
    latents._moments = torch.empty(len(cache), 8, height, width, device="cuda")
    return latents


class _Augmentation(BatchAugmentation):
    """Its draws are numbers of the host, which fake tensors have not."""

    def draw(self, count: int, seed: int) -> list:
        with unset_fake_temporarily():
            return super().draw(count, seed)


class _Batches:
    """The same images again and again, each batch with another seed."""

    def __init__(self, images: int, batch: int):
        self._images, self._batch = images, batch

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        seed = 0
        while True:
            yield [(index % self._images, seed) for index in range(self._batch)]
            seed += 1
