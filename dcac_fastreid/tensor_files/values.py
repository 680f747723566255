"""What a pickle of weights may hold: tensors as it claims them, and a stand-in for all that is none."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import torch

# A storage's class in the pickle, by the type of its numbers. Not listed: those of quantized numbers.
STORAGES = {
    **{"DoubleStorage": torch.double, "FloatStorage": torch.float, "HalfStorage": torch.half},
    **{"BFloat16Storage": torch.bfloat16, "LongStorage": torch.long, "IntStorage": torch.int},
    **{"ShortStorage": torch.short, "CharStorage": torch.int8, "ByteStorage": torch.uint8, "BoolStorage": torch.bool},
    **{"ComplexDoubleStorage": torch.cdouble, "ComplexFloatStorage": torch.cfloat, "UntypedStorage": torch.uint8},
}
DTYPES = {str(value): value for value in vars(torch).values() if isinstance(value, torch.dtype)}
MOST_DIMENSIONS = 32
MOST_BITS = 60  # of the numbers in a key: among larger ones anybody can find thousands with one hash


class Name(str):
    """A class or function that a pickle names, "torch.Size"; only its name."""


class Skipped(OrderedDict):
    """Stands for an object that is no tensor, and that only code of the file's author could make.

    It is empty, or holds the entries that the pickle gives it as a dictionary.

    Attributes: what: how a sentence calls it. state: what the pickle would set its attributes from.
    """

    __hash__ = object.__hash__  # it may be a key
    __eq__ = object.__eq__

    def __init__(self, what: str):
        super().__init__()
        self.what = what
        self.state: Any = None


@dataclass(frozen=True)
class StorageClaim:
    """So many numbers of a type in the record `key`."""

    key: str
    dtype: torch.dtype
    numel: int


@dataclass(frozen=True, eq=False)
class TensorClaim:
    """A tensor as the pickle describes it, with numbers that its storage has."""

    storage: StorageClaim
    dtype: torch.dtype
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


def storage_claim(pid: Any) -> StorageClaim | Skipped:
    """Of torch's persistent ids: ("storage", class, key, device, numel[, view])."""
    if not isinstance(pid, tuple) or pid[0] != "storage":
        return Skipped("a persistent object")
    _, named, key, _, numel, *view = pid
    if view not in ([], [None]):
        raise ValueError("it has views of storages, as only versions of PyTorch before 0.4 wrote them")
    dtype = STORAGES.get(_name(named).rpartition(".")[2])
    if dtype is None:
        return Skipped(f"numbers of {named}")
    if not isinstance(key, str) or not _is_size(numel):
        raise ValueError("a storage has no key or no size")
    return StorageClaim(key, dtype, numel)


def as_key(key: Any) -> Any:
    """What may be a key: words, names and numbers, and tuples of these.

    Not nested tuples, whose hash may take for ever, nor many bits of numbers: a dictionary takes keys of one hash in quadratic
    time.
    """
    if isinstance(key, str):
        return key
    parts = key if isinstance(key, tuple) else (key,)
    if len(parts) > MOST_DIMENSIONS or not all(
        isinstance(part, str | int | float | bytes | Skipped | torch.dtype | None) for part in parts
    ):
        raise ValueError(f"its pickle has a key of type {type(key).__name__}")
    if sum(map(_bits, parts)) > MOST_BITS:
        raise ValueError("its pickle has numbers for keys as no file of weights has them")
    return key


def _bits(part: Any) -> int:
    return part.bit_length() if isinstance(part, int) else 53 if isinstance(part, float) else 0


def _name(value: Any) -> Name:
    if not isinstance(value, Name):  # and not put into a sentence: the text of nested values may be without end
        raise ValueError("its pickle has a value where the name of a class is expected")
    return value


def _is_size(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**62


def _tensor(
    storage, offset, shape, stride, requires_grad=False, hooks=None, marks=None, *_, dtype: torch.dtype | None = None
) -> TensorClaim | Skipped:
    if isinstance(storage, Skipped):
        return Skipped(f"a tensor with {storage.what}")
    if isinstance(marks, dict) and (marks.get("conj") or marks.get("neg")):  # its numbers are others than those stored
        return Skipped("a tensor that is marked as conjugated or negated")
    if not isinstance(storage, StorageClaim) or not _is_size(offset):
        raise ValueError("a tensor has no storage, or no place in it")
    for sizes in (shape, stride):
        if not isinstance(sizes, tuple | list) or len(sizes) > MOST_DIMENSIONS or not all(map(_is_size, sizes)):
            raise ValueError(f"a tensor's shape or stride is no list of at most {MOST_DIMENSIONS} whole numbers")
    dtype = dtype or storage.dtype
    held = storage.numel * storage.dtype.itemsize // dtype.itemsize
    last = offset + sum((size - 1) * step for size, step in zip(shape, stride, strict=True))
    if prod(shape) > held > last:
        raise ValueError(
            f"a tensor of shape {tuple(shape)} repeats the {held} numbers that are there for it, as expand() does; save it "
            "after clone()"
        )
    if prod(shape) > held or (prod(shape) and last >= held):
        raise ValueError(f"a tensor of shape {tuple(shape)} reaches beyond the {held} numbers that are there for it")
    return TensorClaim(storage, dtype, offset, tuple(shape), tuple(stride))


def _tensor_v3(storage, offset, shape, stride, requires_grad, hooks, dtype, marks=None, *_) -> TensorClaim | Skipped:
    if _name(dtype) not in DTYPES:
        return Skipped(f"a tensor of {dtype}")
    return _tensor(storage, offset, shape, stride, requires_grad, hooks, marks, dtype=DTYPES[dtype])


def _of_type(function, type_, arguments, *_):
    """A tensor with attributes, or of a class of its own: the tensor in it."""
    if _name(function) in FUNCTIONS:
        return FUNCTIONS[function](*arguments)
    return Skipped(f"a tensor of {_name(type_)}")


def _bytes(value="", encoding="latin1") -> bytes:
    if isinstance(value, str) and encoding in ("latin1", "latin-1", "ascii", "utf-8"):
        return value.encode(encoding)
    if isinstance(value, bytes | bytearray):
        return bytes(value)
    raise ValueError("its pickle has bytes that are none")


def _kind(what: str) -> Callable[..., Skipped]:
    return lambda *_: Skipped(what)


# All that is done for a pickle that calls a function or makes an object of a class.
FUNCTIONS: dict[str, Callable] = {
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _tensor_v3,
    "torch._utils._rebuild_parameter": lambda data, *_: data,
    "torch._utils._rebuild_parameter_with_state": lambda data, *_: data,
    "torch._tensor._rebuild_from_type_v2": _of_type,
    "torch._utils._rebuild_sparse_tensor": _kind("a sparse tensor"),
    "torch._utils._rebuild_meta_tensor_no_storage": _kind("a tensor on the meta device, without numbers"),
    "torch._utils._rebuild_qtensor": _kind("a quantized tensor"),
    "torch._utils._rebuild_nested_tensor": _kind("a nested tensor"),
    "collections.OrderedDict": lambda items=(): OrderedDict((as_key(key), value) for key, value in items),
    "collections.Counter": lambda counts=None: {as_key(key): value for key, value in (counts or {}).items()},
    "collections.defaultdict": lambda *_: {},
    "torch.Size": lambda sizes=(): tuple(sizes),
    "torch.device": lambda *kind: ":".join(str(part) for part in kind if isinstance(part, str | int)),
    "torch.jit._pickle.build_intlist": list,
    "torch.jit._pickle.build_doublelist": list,
    "torch.jit._pickle.build_boollist": list,
    "torch.jit._pickle.build_tensorlist": list,
    "torch.jit._pickle.restore_type_tag": lambda value, *_: value,
    "_codecs.encode": _bytes,
    **{f"{module}.bytearray": _bytes for module in ("builtins", "__builtin__")},
    **{f"{module}.set": lambda items=(): set(map(as_key, items)) for module in ("builtins", "__builtin__")},
    **{f"{module}.frozenset": lambda items=(): frozenset(map(as_key, items)) for module in ("builtins", "__builtin__")},
    **{f"{module}.complex": lambda real=0.0, imag=0.0: complex(real, imag) for module in ("builtins", "__builtin__")},
}
