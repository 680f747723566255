"""From what a pickle claims of tensors to the tensors, by the storages that its file has."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from dcac_fastreid.tensor_files.values import StorageClaim, TensorClaim


class Tensors:
    """Puts tensors in the place of claims.

    Args:
        storage_of: a claim to the storage's bytes, at least as many as are claimed; raises ValueError where there are not.
        only: beginnings of names: a tensor below another name is left out, and its storage not read; None for all.
    """

    def __init__(self, storage_of: Callable[[StorageClaim], torch.UntypedStorage], only: Sequence[str] | None):
        self._storage_of, self._only = storage_of, None if only is None else tuple(only)
        self._storages: dict[str, torch.UntypedStorage] = {}
        # By id: the value, so that it keeps its id, and what is in its place.
        self._seen: dict[int, tuple[Any, Any]] = {}

    def in_place_of_claims(self, value: Any) -> Any:
        """The value with tensors in it; lists and dictionaries are changed, not copied."""
        if isinstance(value, TensorClaim):
            return self._tensor(value) if self._only is None else None
        if not isinstance(value, dict | list | tuple):
            return value
        if id(value) in self._seen:
            return self._seen[id(value)][1]
        self._seen[id(value)] = value, value  # before its content: it may hold itself
        if isinstance(value, tuple):
            made = tuple(map(self.in_place_of_claims, value))
            self._seen[id(value)] = value, made
            return made
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            item = value[key]
            if not isinstance(item, TensorClaim):
                value[key] = self.in_place_of_claims(item)
            elif self._is_wanted(key):
                value[key] = self._tensor(item)
            elif isinstance(value, dict):
                del value[key]
            else:
                value[key] = None
        return value

    def _is_wanted(self, key: Any) -> bool:
        return self._only is None or isinstance(key, str) and key.startswith(self._only)

    def _tensor(self, claim: TensorClaim) -> Tensor:
        if id(claim) not in self._seen:
            storage = claim.storage
            if storage.key not in self._storages:
                self._storages[storage.key] = self._storage_of(storage)
            held = self._storages[storage.key]
            if held.nbytes() < storage.numel * storage.dtype.itemsize:
                raise ValueError(f"its storage {storage.key} is smaller than one of its tensors")
            made = torch.empty(0, dtype=claim.dtype)
            self._seen[id(claim)] = claim, made.set_(held, claim.offset, claim.shape, claim.stride)
        return self._seen[id(claim)][1]
