"""The index of a search with damaged, exchanged and edited files."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from ..case import Case, Ground
from .damage import OF_FILES, copied, of_entries

QUERY = ("search", "query", "--index", "index", "--photos", "{photos}/query.jpg", "--output", "found", "--top", "5")
CALIBRATE = ("search", "calibrate", "--index", "index", "--people", "{photos}/people", "--false-match-rate", "0.2")


def cases(ground: Ground) -> Iterator[Case]:
    """Of an index that was made: whatever files it has."""
    files = sorted(path.name for path in ground.index.iterdir() if path.is_file() and path.suffix != ".lock")
    for name in files:
        spoils = dict(OF_FILES)
        if name.endswith(".json"):
            spoils |= {f"entry {what}": spoil for what, spoil in of_entries(ground.index / name)}
        if name.endswith(".npy"):
            spoils |= {f"numbers: {what}": _numbers(change) for what, change in NUMBERS.items()}
        if name.endswith(".csv"):
            spoils |= {f"table: {what}": _lines(change) for what, change in LINES.items()}
        for what, spoil in spoils.items():
            for door, words in (("query", QUERY), ("calibrate", CALIBRATE)):
                yield Case("index", f"{name}: {what}, {door}", words, _spoiled(name, spoil))
    for what, change in FOLDERS.items():
        yield Case("index", f"folder: {what}", QUERY, change)


def _spoiled(name: str, spoil) -> Callable[[Ground], None]:
    return lambda ground: copied(ground.index, name, ground.own / "index", spoil)


def _numbers(change) -> Callable[[Path], None]:
    def spoil(file: Path) -> None:
        import numpy as np

        np.save(file, change(np.load(file)))

    return spoil


def _lines(change) -> Callable[[Path], None]:
    def spoil(file: Path) -> None:
        head, *rows = file.read_text().splitlines()
        file.write_text("\n".join([head, *change(rows)]) + "\n")

    return spoil


def _some(array, value):
    array[0, 0] = value
    return array


NUMBERS = {
    "nan": lambda a: _some(a, float("nan")),
    "infinite": lambda a: _some(a, float("inf")),
    "twice as long": lambda a: a * 2,
    "zero": lambda a: a * 0,
    "float64": lambda a: a.astype("float64"),
    "half": lambda a: a.astype("float16"),
    "whole": lambda a: a.astype("int32"),
    "complex": lambda a: a.astype("complex64"),
    "object": lambda a: a.astype(object),
    "text": lambda a: a.astype("U8"),
    "fewer rows": lambda a: a[:-1],
    "fewer columns": lambda a: a[:, :-1],
    "one row": lambda a: a[0],
    "three axes": lambda a: a[None],
    "none": lambda a: a[:0],
    "another order": lambda a: a[::-1].copy(),
    "column order": lambda a: a.copy(order="F"),
    "other bytes": lambda a: a.astype(">f4"),
}
LINES = {
    "sorted": lambda rows: sorted(rows, key=lambda row: row.split(",")[1], reverse=True),
    "rows exchanged": lambda rows: [rows[1], rows[0], *rows[2:]],
    "one row less": lambda rows: rows[:-1],
    "one row twice": lambda rows: [*rows, rows[0]],
    "semicolons": lambda rows: [row.replace(",", ";") for row in rows],
    "quoted": lambda rows: [f'"{row}"' for row in rows],
    "absolute": lambda rows: [rows[0].replace(rows[0].split(",")[1], "/etc/passwd"), *rows[1:]],
    "above": lambda rows: [rows[0].replace(rows[0].split(",")[1], "../query.jpg"), *rows[1:]],
    "names exchanged": lambda rows: _exchanged(rows),
    "a column less": lambda rows: [row.rpartition(",")[0] for row in rows],
    "numbers as text": lambda rows: [row.replace(",", ",x", 2) for row in rows],
}


def _exchanged(rows: list[str]) -> list[str]:
    one, two = rows[0].split(","), rows[1].split(",")
    one[1], two[1] = two[1], one[1]
    return [",".join(one), ",".join(two), *rows[2:]]


def _photos_gone(ground: Ground) -> None:
    shutil.copytree(ground.photos / "gallery", ground.own / "gallery")
    shutil.copytree(ground.index, ground.own / "index")
    for file in (ground.own / "index").glob("*.json"):
        file.write_text(file.read_text().replace(str(ground.photos / "gallery"), str(ground.own / "nowhere")))


FOLDERS: dict[str, Callable[[Ground], object]] = {
    "empty": lambda ground: (ground.own / "index").mkdir(),
    "a file": lambda ground: (ground.own / "index").write_text("x"),
    "absent": lambda ground: None,
    "a link to itself": lambda ground: (ground.own / "index").symlink_to("index"),
    "photos gone": _photos_gone,
    "of a run": lambda ground: shutil.copytree(ground.run, ground.own / "index"),
    "of photos": lambda ground: shutil.copytree(ground.photos / "gallery", ground.own / "index"),
}
