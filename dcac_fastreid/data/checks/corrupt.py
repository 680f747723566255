"""Which images cannot be read; DATALOADER.SKIP_CORRUPT: lists without them."""

import logging
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from tqdm import tqdm

from dcac_fastreid.data.hashes import pixel_hashes
from dcac_fastreid.data.images import read_image
from dcac_fastreid.distributed.shared_work import processes_of_job
from dcac_fastreid.errors import InputError
from dcac_fastreid.names import shown
from fastreid.utils import comm

logger = logging.getLogger("fastreid.dcac")


def without_corrupt(items: list[tuple], what: str) -> list[tuple]:
    """The items whose image can be read, in order; logs how many cannot, and the first paths.

    An image that was read before, and has not changed since, is not decoded again. Processes of a job share the work; each one
    comes here.

    Args:
        items: tuples that begin with a path.
        what: the items' name in the log.
    Raises: InputError: not one image can be read.
    """
    paths, processes = [item[0] for item in items], processes_of_job()
    corrupt = processes.together(lambda: _unreadable(processes.own(paths), what))
    if corrupt and len(corrupt) == len(items):
        raise InputError(f"{what}: not one of {len(items)} images can be read, first {corrupt[0]}; copy them again")
    if corrupt:
        logger.warning(
            f"{what}: {len(corrupt)} of {len(items)} images cannot be read and are left out: {shown(corrupt)}"
        )
    left_out = set(corrupt)
    return [item for item in items if item[0] not in left_out]


def _unreadable(paths: Sequence[str], what: str) -> list[str]:
    read = pixel_hashes(path for path in paths if os.path.exists(path))
    return unreadable_images([path for path in paths if path not in read], what)


def unreadable_images(paths: Sequence[str], what: str) -> list[str]:
    """Those that cannot be read, in order; decodes them all, with a progress bar that calls them `what`."""
    with ThreadPoolExecutor() as pool:  # Pillow decodes outside of Python's lock
        checks = tqdm(
            pool.map(_can_be_read, paths),
            desc=f"checking {what}",
            total=len(paths),
            unit="image",
            disable=None if comm.is_main_process() else True,
        )
        return [path for path, fine in zip(paths, checks, strict=True) if not fine]


def _can_be_read(path: str) -> bool:
    try:
        read_image(path)
    except (InputError, FileNotFoundError, PermissionError):  # the second: a link to nowhere
        return False
    return True
