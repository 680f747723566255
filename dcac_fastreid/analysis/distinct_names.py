"""What are the paths of several runs called, so that no two are called the same?"""

from collections.abc import Sequence
from pathlib import Path


def distinct_names(paths: Sequence[Path]) -> list[str]:
    """The last part of each path, and as many of its parents as tell it from the others; the same path has the same name."""
    parts = [path.absolute().parts for path in paths]
    return ["/".join(own[-_length(own, parts) :]) for own in parts]


def _length(own: tuple[str, ...], parts: Sequence[tuple[str, ...]]) -> int:
    others = [other for other in parts if other != own]
    length = 1
    while length < len(own) and any(other[-length:] == own[-length:] for other in others):
        length += 1
    return length
