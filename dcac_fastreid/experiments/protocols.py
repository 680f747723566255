"""Which tables are there? The protocols by name and the paper's tables by number, each with its rows and columns."""

from collections.abc import Mapping
from dataclasses import dataclass

Column = tuple[str, str]  # source and target by the paper's short names: ("MA", "D"), ("MA+D+C3", "MS"), ("MA", "MA")


@dataclass(frozen=True)
class TableSpec:
    """A table before anything is trained.

    Attributes:
        name: as --table takes it, "single-source" or "7".
        rows: names of ROWS, in order.
        reference: the row that all others are compared with.
        published: mAP and Rank-1 in per cent that the paper prints for a row and a column; absent where it prints none.
    """

    name: str
    title: str
    rows: tuple[str, ...]
    reference: str
    columns: tuple[Column, ...]
    published: Mapping[tuple[str, Column], tuple[float, float]]
