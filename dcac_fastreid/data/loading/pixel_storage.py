"""Where do the pixels of a run lie: in memory, or in a file that is mapped into it?"""

import logging
import mmap
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor, distributed

from dcac_fastreid.data.locations import cache_folder
from dcac_fastreid.distributed.join import patient_group
from dcac_fastreid.distributed.turns import wait_for_all
from dcac_fastreid.errors import InputError
from fastreid.utils import comm

logger = logging.getLogger("fastreid.dcac")

SHARE_OF_MEMORY = 0.5  # the rest is for the model, the evaluation's features and the other programs
# Limit, use, and what of the use can be given back at once: of a container, version 2 and 1 of control groups.
CGROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory.stat", "inactive_file"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
        "/sys/fs/cgroup/memory/memory.stat",
        "total_inactive_file",
    ),
)


def allocate_pixels(shape: tuple[int, ...]) -> Tensor:
    """An uninitialised uint8 tensor, in memory where half of what is free holds one for each process of the machine.

    Otherwise in a file of the cache folder, which the operating system reads as it is needed. The file has no name: it goes
    with the process, however that ends.

    Raises: InputError: the cache folder cannot be written or has no room.
    """
    size = torch.Size(shape).numel()
    if size * comm.get_local_size() <= SHARE_OF_MEMORY * available_memory():
        return torch.empty(shape, dtype=torch.uint8)
    logger.info(f"Pixels of {size / 1e9:.1f} GB do not fit in memory: they go to a file in {cache_folder()}")
    with _file() as file:
        return torch.frombuffer(_mapped(file, size), dtype=torch.uint8).view(shape)


def pixels_of_machine(shape: tuple[int, ...], fill: Callable[[Tensor], None]) -> Tensor:
    """As `allocate_pixels`, filled: by the first process of each machine, for all that run there. Every process comes here.

    The others wait, however long it takes, and see the same memory, or file. Where that cannot be (macOS), each fills its own.
    """
    if sys.platform != "linux":
        pixels = allocate_pixels(shape)
        fill(pixels)
        return pixels
    size = torch.Size(shape).numel()
    if comm.get_local_rank() > 0:
        with open(_told_by_the_first(""), "r+b") as file:
            pixels = torch.frombuffer(mmap.mmap(file.fileno(), size), dtype=torch.uint8).view(shape)
        wait_for_all()
        return pixels
    in_memory = size <= SHARE_OF_MEMORY * available_memory()
    with os.fdopen(os.memfd_create("pixels"), "r+b") if in_memory else _file() as file:
        pixels = torch.frombuffer(_mapped(file, size), dtype=torch.uint8).view(shape)
        fill(pixels)
        _told_by_the_first(f"/proc/{os.getpid()}/fd/{file.fileno()}")
        wait_for_all()  # the others have opened it
    return pixels


def _told_by_the_first(what: str) -> str:
    """What the first process of this machine tells the others."""
    told = [""] * comm.get_world_size()
    distributed.all_gather_object(told, what, group=patient_group())
    return told[distributed.get_process_group_ranks(comm._LOCAL_PROCESS_GROUP)[0]]


def _file() -> BinaryIO:
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryFile(dir=folder)
    except OSError as error:
        raise _no_room(error) from error


def _mapped(file: BinaryIO, size: int) -> mmap.mmap:
    try:
        # A full disk is an error here; met while the pixels are written, it would end the process (SIGBUS).
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
        else:  # macOS
            file.truncate(size)
        return mmap.mmap(file.fileno(), size)
    except OSError as error:
        raise _no_room(error, f" {size / 1e9:.1f} GB") from error


def _no_room(error: OSError, size: str = "") -> InputError:
    return InputError(
        f"the training images need{size or ' a file'} in {cache_folder()} ({error.strerror or error}); make room, set "
        "DCAC_FASTREID_CACHE to another folder, or DATALOADER.CACHE_IMAGES False to decode them again in every epoch"
    )


def available_memory() -> int:
    """Bytes that this process may take without swapping: of the machine, and of the container that it runs in."""
    available = _available_on_the_machine()
    for limit, used, statistics, reclaimable in CGROUPS:
        try:
            # Without a limit the first file says "max", or a number beyond any machine.
            free = int(Path(limit).read_text()) - int(Path(used).read_text())
            entries = dict(line.split() for line in Path(statistics).read_text().splitlines())
            available = min(available, free + int(entries[reclaimable]))
        except (OSError, ValueError):
            continue
    return available


def _available_on_the_machine() -> int:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except OSError:  # not Linux: all of its memory, in use or not
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
