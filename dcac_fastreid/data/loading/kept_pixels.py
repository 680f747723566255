"""Which decoded images does a training keep in the cache folder? Made in one pass with the hashes, so each is decoded once."""

import logging
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from PIL import Image

from dcac_fastreid.data.hashes import Making, pixel_hashes
from dcac_fastreid.data.images import read_image_of_run
from dcac_fastreid.data.loading.batch_augmentation import why_not_on_batches
from dcac_fastreid.data.pixel_file import MissingPixels, PixelFile

logger = logging.getLogger("fastreid.dcac")


def training_pixels(cfg) -> PixelFile | None:
    """Of the training images at INPUT.SIZE_TRAIN; None where fast-reid's loader decodes them in every epoch."""
    cached = cfg.DATALOADER.CACHE_IMAGES and not why_not_on_batches(cfg)
    return PixelFile(cfg.INPUT.SIZE_TRAIN) if cached else None


def diffusion_views(cfg) -> PixelFile | None:
    """Of the training images at MODEL.DCAC.DIFFUSION.SIZE, kept until their latents are made; None of a training without."""
    return PixelFile(cfg.MODEL.DCAC.DIFFUSION.SIZE) if cfg.MODEL.META_ARCHITECTURE == "DCAC" else None


def delete_diffusion_views(cfg) -> None:
    """When the latents are made; unless they are the images that are trained on."""
    views, pixels = diffusion_views(cfg), training_pixels(cfg)
    if views and not (pixels and pixels.shape == views.shape):
        views.delete()


@contextmanager
def making_pixels(cfg, paths: Collection[str]) -> Iterator[Making | None]:
    """What takes the training images of cfg while they are decoded; None where nothing has to be made of them.

    Raises: InputError: the cache folder cannot be written, or has no room for them.
    """
    pixels, views = training_pixels(cfg), diffusion_views(cfg)
    if pixels is None or len(pixels.places(paths)) == len(set(paths)):
        yield None
        return
    with ExitStack() as stack:
        missing = stack.enter_context(MissingPixels(pixels, paths))
        making = [missing]
        if views is not None and views.shape != pixels.shape:
            making.append(stack.enter_context(MissingPixels(views, missing.lacking)))
        yield _All(making)


def make_pixels(pixels: PixelFile, paths: Sequence[str]) -> None:
    """Decodes the images that are not kept.

    Raises:
        InputError: one of them cannot be read, or there is no room for them all. The others are kept.
        OSError: a file cannot be opened.
    """
    if len(pixels.places(paths)) == len(set(paths)):
        return
    begin = time.perf_counter()
    with MissingPixels(pixels, paths) as missing:
        hashes = pixel_hashes(missing.lacking, missing)
        for path in [path for path in missing.lacking if path not in hashes]:
            missing.take(path, read_image_of_run(path))  # which says why it cannot be read
        missing.save()
    decoded, seconds = len(missing.lacking), time.perf_counter() - begin
    logger.info(f"{decoded} training images decoded in {seconds:.1f} s, {decoded * pixels.bytes / 1e9:.2f} GB")


class _All:
    """Making of several files; the first one says which images are opened."""

    def __init__(self, making: Sequence[MissingPixels]):
        self._making, self.lacking = making, making[0].lacking

    def take(self, path: str, image: Image.Image) -> None:
        for each in self._making:
            each.take(path, image)

    def save(self) -> None:
        for each in self._making:
            each.save()
