"""Which decoded images does a training keep in the cache folder? Made in one pass with the hashes, so each is decoded once."""

import logging
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from PIL import Image

from dcac_fastreid.data.hashes import Making, pixel_hashes
from dcac_fastreid.data.images import read_image_of_run
from dcac_fastreid.data.loading.batch_augmentation import why_not_on_batches
from dcac_fastreid.data.pixel_file import TRAIN, VIEWS, KeptPixels, MissingPixels, PixelFile, adding
from dcac_fastreid.errors import InputError
from fastreid.utils import comm

logger = logging.getLogger("fastreid.dcac")


def training_pixels(cfg) -> PixelFile | None:
    """Of the training images at INPUT.SIZE_TRAIN; None where fast-reid's loader decodes them in every epoch."""
    cached = cfg.DATALOADER.CACHE_IMAGES and not why_not_on_batches(cfg)
    return PixelFile(TRAIN, cfg.INPUT.SIZE_TRAIN) if cached else None


def diffusion_views(cfg) -> PixelFile | None:
    """Of the training images at MODEL.DCAC.DIFFUSION.SIZE, kept until their latents are made; None of a training without."""
    return PixelFile(VIEWS, cfg.MODEL.DCAC.DIFFUSION.SIZE) if cfg.MODEL.META_ARCHITECTURE == "DCAC" else None


@contextmanager
def making_pixels(cfg, paths: Collection[str]) -> Iterator[Making | None]:
    """What takes the training images of cfg while they are decoded; None where nothing has to be made of them.

    The first process of a machine looks whether those that are there are whole.

    Raises: InputError: the cache folder cannot be written, or has no room for them.
    """
    pixels, views = training_pixels(cfg), diffusion_views(cfg)
    if pixels is None:
        yield None
        return
    check = comm.get_local_rank() == 0
    if pixels.read(paths, check=check).places.keys() == set(paths):
        yield None
        return
    with adding(), ExitStack() as stack:
        of_training = stack.enter_context(MissingPixels(pixels, paths, check=check))
        # In this order: an image with pixels is not decoded again, so its view has to be there before.
        of_views = [stack.enter_context(MissingPixels(views, of_training.lacking))] if views else []
        yield _All([*of_views, of_training], of_training.lacking)


def make_pixels(pixels: PixelFile, paths: Sequence[str]) -> KeptPixels:
    """Decodes the images that are not kept; returns them all.

    Raises:
        InputError: one of them cannot be read, or there is no room for them all. The others are kept.
        OSError: a file cannot be opened.
    """
    kept, wanted = pixels.read(paths), set(paths)
    if kept.places.keys() == wanted:
        return kept
    begin = time.perf_counter()
    with adding(), MissingPixels(pixels, paths) as missing:
        pixel_hashes(missing.lacking, missing)
        for path in missing.not_taken:
            missing.take(path, read_image_of_run(path))  # which says why it cannot be read
        missing.save()
        kept = pixels.read(paths)
    decoded, seconds = len(missing.lacking), time.perf_counter() - begin
    logger.info(f"{decoded} training images decoded in {seconds:.1f} s, {decoded * pixels.bytes / 1e9:.2f} GB")
    if changed := sorted(wanted - kept.places.keys()):
        raise InputError(f"{changed[0]} was changed while it was decoded; start again when the images are complete")
    return kept


class _All:
    """Making of several files, saved in their order."""

    def __init__(self, making: Sequence[MissingPixels], lacking: Collection[str]):
        self._making, self.lacking = making, lacking

    def take(self, path: str, image: Image.Image) -> None:
        for each in self._making:
            each.take(path, image)

    def save(self) -> None:
        portions = [each.portion() for each in reversed(self._making)]  # what the last one has, the others have too
        for each, portion in zip(self._making, reversed(portions), strict=True):
            each.keep(portion)
