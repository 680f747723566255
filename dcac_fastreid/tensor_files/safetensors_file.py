"""A `.safetensors`: a header, and the numbers of its tensors. It has no checksums."""

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

LARGEST_HEADER = 3 << 20  # bytes: some 20,000 tensors
LENGTH = 8  # bytes in which the header's length is said


def read_safetensors(path: Path, *, only: Sequence[str] | None) -> dict[str, Tensor]:
    """Raises ValueError, and the library's own errors: damaged. A flipped bit in a weight is not noticed."""
    with _opened(path) as file:
        return {name: file.get_tensor(name) for name in file.keys() if only is None or name.startswith(tuple(only))}


def safetensors_metadata(path: Path) -> dict[str, str]:
    """The words that the header holds beside the tensors; raises as read_safetensors."""
    with _opened(path) as file:
        return file.metadata() or {}


def _opened(path: Path):
    from safetensors import safe_open

    with open(path, "rb") as stream:
        length = int.from_bytes(stream.read(LENGTH), "little")
    if length > path.stat().st_size - LENGTH:
        raise ValueError("it ends within its header, or is no safetensors file")
    if length > LARGEST_HEADER:
        raise ValueError(f"its header has {length} bytes; at most {LARGEST_HEADER} are expected")
    return safe_open(path, framework="pt")
