"""What torch.save wrote before PyTorch 1.6: pickles one after the other, then the storages. It has no checksums."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from dcac_fastreid.tensor_files.tensors import Tensors
from dcac_fastreid.tensor_files.unpickle import LARGEST, Unpickler
from dcac_fastreid.tensor_files.values import StorageClaim

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
COUNT = 8  # bytes before a storage: how many numbers it has


def read_old_format(path: Path, *, only: Sequence[str] | None) -> tuple[Any, set[str]]:
    """The content, copied, and the names in it that were skipped. A flipped bit in a weight is not noticed.

    Raises: ValueError: a damaged file, or a pickle that torch.save has not written.
    """
    with open(path, "rb") as file:
        stream = io.BytesIO(file.read(LARGEST))
    unpickler = Unpickler(stream)
    if unpickler.load() != MAGIC:
        raise ValueError("it is a pickle, but none of torch.save")
    if unpickler.load() != PROTOCOL:
        raise ValueError("it is of another version of torch.save's format")
    machine = unpickler.load()
    if not isinstance(machine, dict) or not machine.get("little_endian"):
        raise ValueError("it was written on a machine whose numbers begin with their highest byte")
    content = unpickler.load()
    keys = unpickler.load()
    places = _places(path, stream.tell(), keys, unpickler.storages)

    def storage_of(claim: StorageClaim) -> torch.UntypedStorage:
        if claim.key not in places:
            raise ValueError(f"its storage {claim.key} is missing")
        held = torch.empty(claim.numel * claim.dtype.itemsize, dtype=torch.uint8)
        with open(path, "rb") as file:
            file.seek(places[claim.key])
            file.readinto(memoryview(held.numpy()))
        return held.untyped_storage()

    return Tensors(storage_of, only).in_place_of_claims(content), unpickler.skipped


def _places(path: Path, place: int, keys: Sequence[str], claims: Mapping[str, StorageClaim]) -> dict[str, int]:
    """Where each storage's bytes begin in the file; the first one's count stands at `place`."""
    places, size = {}, path.stat().st_size
    with open(path, "rb") as file:
        for key in keys:
            claim = claims.get(key)
            if claim is None:
                raise ValueError("one of its storages belongs to no tensor")
            file.seek(place)
            begin = place + COUNT
            place = begin + claim.numel * claim.dtype.itemsize
            if place > size:
                raise ValueError("it ends before its last weight")
            if int.from_bytes(file.read(COUNT), "little") != claim.numel:
                raise ValueError(f"its storage {key} has another size than its tensors say")
            places[key] = begin
    return places
