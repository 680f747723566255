"""Is an image of a test among the training images?"""

import os
from collections.abc import Callable, Collection, Iterable
from contextlib import AbstractContextManager, nullcontext, suppress

from dcac_fastreid.data.hashes import Making, pixel_hashes
from dcac_fastreid.data.locations import data_root
from dcac_fastreid.data.readers.read_dataset import once, read_dataset
from dcac_fastreid.data.readers.validation import training_items
from dcac_fastreid.errors import InputError
from dcac_fastreid.names import shown

SHOWN = 3


def check_leakage(cfg, making: Callable = lambda cfg, paths: nullcontext()) -> None:
    """Compares the training images of all sources with query and gallery of DATASETS.TESTS and of the sources themselves.

    TEST.PRECISE_BN.DATASET, where enabled, is a source too: its training images set the statistics that the test uses.
    DATASETS.COMBINEALL asks for a source's own query and gallery in so many words: they are then training images, and
    only those of DATASETS.TESTS must not be among them.

    Args:
        making: what else is made of the training images while they are decoded: given cfg and their paths, as `same_images`
            takes it; `making_pixels` makes what the training reads.
    Raises: InputError: a training image is a query or gallery image, as `same_images` tells, and with its limits.
    """
    nodes = cfg.DATASETS, cfg.DATALOADER, cfg.TEST, cfg.INPUT
    others = cfg.MODEL.META_ARCHITECTURE, tuple(cfg.MODEL.DCAC.DIFFUSION.SIZE), bool(cfg.SOLVER.INTERPOLATE.CHOOSE)
    once(("leakage", *others, *(node.dump() for node in nodes)), lambda: _check(cfg, making))


def _check(cfg, making: Callable) -> None:
    root, combineall = data_root(cfg.DATASETS.ROOT), cfg.DATASETS.COMBINEALL
    sources, tests = list(cfg.DATASETS.NAMES), cfg.DATASETS.TESTS
    if cfg.TEST.PRECISE_BN.ENABLED:
        sources.append(cfg.TEST.PRECISE_BN.DATASET)
    datasets = {name: read_dataset(name, root, combineall=combineall) for name in dict.fromkeys((*sources, *tests))}
    train = [item[0] for name in dict.fromkeys(sources) for item in datasets[name].train]
    of_test = {
        item[0]: f"{name}, {split}"
        for name in dict.fromkeys(tests if combineall else datasets)
        for split in ("query", "gallery")
        for item in getattr(datasets[name], split)
    }
    trained_on = {item[0] for name in cfg.DATASETS.NAMES for item in training_items(cfg, datasets[name])}
    leaks = same_images(train, of_test, lambda paths: making(cfg, [path for path in paths if path in trained_on]))
    if not leaks:
        return
    pairs = [f"{path} = {found} ({of_test[found]})" for path, found in leaks.items()]
    way_out = "take them out of the training folder"
    if combineall:
        way_out = "set DATASETS.COMBINEALL False, or take the data set out of DATASETS.TESTS"
    raise InputError(
        f"{len(leaks):,} of {len(train):,} training images are test images, expected none, as their score says nothing "
        f"of unseen ones: {shown(pairs, SHOWN)}; {way_out}"
    )


def same_images(
    train: Iterable[str],
    test: Iterable[str],
    making: Callable[[Collection[str]], AbstractContextManager[Making | None]] = lambda paths: nullcontext(),
) -> dict[str, str]:
    """Training image -> the test image that it is: the same file, by whatever path or link, or one of the same pixels.

    That finds copies, also without or with other metadata, or stored as PNG. It does not find an image that was encoded
    again with loss, resized, or cropped otherwise: it has other pixels. One that cannot be read is compared as a file alone.

    Args: making: given the training images that are compared, what takes them while they are decoded, or None.
    """
    train, test = _status(train), _status(test)
    of_file = {_file(status): path for path, status in test.items()}
    found = {path: of_file[_file(status)] for path, status in train.items() if _file(status) in of_file}
    others = [path for path in train if path not in found]
    with making(others) as made:
        hashes = pixel_hashes(others, made)
    hashes |= pixel_hashes(test)
    of_pixels = {hashes[path]: path for path in test if path in hashes}
    return found | {path: of_pixels[hashes[path]] for path in others if hashes.get(path) in of_pixels}


def _status(paths: Iterable[str]) -> dict[str, os.stat_result]:
    found = {}
    for path in paths:
        # Not there, a link to nowhere for instance: nothing to train or test on; DATALOADER.SKIP_CORRUPT leaves it out.
        with suppress(OSError, ValueError):
            found[path] = os.stat(path)
    return found


def _file(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
