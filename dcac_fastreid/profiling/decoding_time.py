"""How long does it take to decode the images of a training that no run has decoded yet?"""

import os
import time
from collections.abc import Sequence

from PIL import Image

from dcac_fastreid import data
from dcac_fastreid.data.hashes import kept_pixel_hashes
from dcac_fastreid.errors import InputError
from dcac_fastreid.profiling.training_images import TrainingImages

SAMPLE = 32  # images that are timed


def decoding_seconds(cfg, images: TrainingImages) -> float:
    """Of all processors of this machine; 0 where hashes and pixels of all images are kept. Reads a few images, writes nothing."""
    train = _there(images.train)
    compared = list(dict.fromkeys([*train, *_there(images.tested)]))
    pixels = data.training_pixels(cfg)
    missing = set(compared) - kept_pixel_hashes(compared).keys()
    if pixels:
        missing |= set(train) - pixels.read(train).places.keys()
    if not missing:
        return 0.0
    return len(missing) * _seconds(compared[:: -(-len(compared) // SAMPLE)], cfg.INPUT.SIZE_TRAIN) / _processors()


def _there(by_name: dict[str, list[str]]) -> list[str]:
    paths = dict.fromkeys(path for of_set in by_name.values() for path in of_set)
    return [path for path in paths if os.path.exists(path)]


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _seconds(paths: Sequence[str], size: Sequence[int]) -> float:
    """Of an image, decoded and resized."""
    begin = time.process_time()
    for path in paths:
        try:
            data.read_image(path).resize((size[-1], size[0]), Image.Resampling.BICUBIC).tobytes()
        except (InputError, OSError):  # the run reports it, or leaves it out
            continue
    return (time.process_time() - begin) / max(1, len(paths))
