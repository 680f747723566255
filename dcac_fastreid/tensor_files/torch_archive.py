"""What torch.save has written since PyTorch 1.6, and TorchScript archives, as OpenAI's CLIP is one."""

import io
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from dcac_fastreid.tensor_files.archive import Archive, mapped_storage
from dcac_fastreid.tensor_files.tensors import Tensors
from dcac_fastreid.tensor_files.torchscript import PREFIX, state_dict
from dcac_fastreid.tensor_files.unpickle import LARGEST, Unpickler
from dcac_fastreid.tensor_files.values import Skipped, StorageClaim

PICKLE, DATA = "data.pkl", "data/"
ALIGNED = 64  # bytes; what lies elsewhere, as other programs pack archives, is copied
logger = logging.getLogger("fastreid.dcac")


def read_archive(path: Path, *, mapped: bool, only: Sequence[str] | None) -> tuple[Any, set[str]]:
    """The content, of a TorchScript archive its state dict; and the names in it that were skipped.

    torch.load(weights_only=True) is not used: it finds records whatever the case of their names, checks no checksum, and
    lets a pickle of 20 MB take gigabytes.
    """
    with Archive(path) as archive:
        claims, skipped = _unpickled(archive)
        if not archive.checked:
            logger.warning(f"{path} was written without checksums: whether it is damaged cannot be told")
        if isinstance(claims, Skipped) and claims.what.startswith(PREFIX):
            claims = state_dict(claims, archive)
        whole = mapped_storage(path) if mapped else None
        return Tensors(lambda claim: _storage(archive, claim, whole), only).in_place_of_claims(claims), skipped


def holds_torchscript(path: Path) -> bool:
    """Whether the archive's content is an object of a TorchScript class. Raises ValueError as read_archive."""
    with Archive(path) as archive:
        content, _ = _unpickled(archive)
        return isinstance(content, Skipped) and content.what.startswith(PREFIX)


def _unpickled(archive: Archive) -> tuple[Any, set[str]]:
    if PICKLE not in archive:
        names = ", ".join(archive.names()[:3])
        raise ValueError(f"it is a zip archive of other things ({names}), without the record {PICKLE} of torch.save")
    if "byteorder" in archive and archive.read("byteorder", 16) != b"little":
        raise ValueError("it was written on a machine whose numbers begin with their highest byte")
    unpickler = Unpickler(io.BytesIO(archive.read(PICKLE, LARGEST)))
    return unpickler.load(), unpickler.skipped


def _storage(archive: Archive, claim: StorageClaim, whole: torch.UntypedStorage | None) -> torch.UntypedStorage:
    name, size = DATA + claim.key, claim.numel * claim.dtype.itemsize
    if archive.record_size(name) < size:
        raise ValueError(f"its record {name} has {archive.record_size(name)} bytes, where {size} are claimed")
    begin = archive.place(name)
    if whole is not None and begin % ALIGNED == 0:
        archive.check(name)
        return whole[begin : begin + archive.record_size(name)]
    held = torch.empty(archive.record_size(name), dtype=torch.uint8)
    archive.read_into(name, memoryview(held.numpy()))
    return held.untyped_storage()
