"""Ways to spoil any file, and any entry of a JSON file."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from .values import ENTRIES

Spoil = Callable[[Path], object]


def _flipped(at: float) -> Spoil:
    def spoil(file: Path) -> None:
        data = bytearray(file.read_bytes())
        if data:
            data[min(int(at * len(data)), len(data) - 1)] ^= 1 << random.Random(at).randrange(8)
        file.write_bytes(data)

    return spoil


def _cut(part: float) -> Spoil:
    return lambda file: file.write_bytes(file.read_bytes()[: int(part * file.stat().st_size)])


def _other(make: Callable[[Path], object]) -> Spoil:
    def spoil(file: Path) -> None:
        file.unlink()
        make(file)

    return spoil


OF_FILES: dict[str, Spoil] = {
    "gone": lambda file: file.unlink(),
    "empty": lambda file: file.write_bytes(b""),
    "text": lambda file: file.write_text("hello\n"),
    "null": lambda file: file.write_text("null"),
    "a list": lambda file: file.write_text("[1]"),
    "a number": lambda file: file.write_text("3"),
    "noise": lambda file: file.write_bytes(random.Random(0).randbytes(3000)),
    "utf-16": lambda file: file.write_bytes(file.read_bytes().decode("latin-1").encode("utf-16")),
    "written twice": lambda file: file.write_bytes(2 * file.read_bytes()),
    "line ends": lambda file: file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n")),
    "null bytes": lambda file: file.write_bytes(file.read_bytes() + bytes(20)),
    "a folder": _other(lambda file: file.mkdir()),
    "a pipe": _other(lambda file: os.mkfifo(file)),
    "a link to itself": _other(lambda file: file.symlink_to(file.name)),
    "a page": lambda file: file.write_text("<!DOCTYPE html><html></html>"),
    "reversed": lambda file: file.write_bytes(b"\n".join(reversed(file.read_bytes().split(b"\n")))),
    **{f"cut to {part}": _cut(part) for part in (0.1, 0.5, 0.9, 0.999)},
    **{f"bit at {at}": _flipped(at) for at in (0.0, 0.01, 0.2, 0.4, 0.6, 0.8, 0.99, 1.0)},
}


def of_entries(file: Path) -> Iterator[tuple[str, Spoil]]:
    """Each entry of a JSON file with odd values in its place, or gone."""
    for path in _paths(json.loads(file.read_text())):
        for value in (*ENTRIES, Gone):
            yield f"{'.'.join(map(str, path))} = {'gone' if value is Gone else repr(value)[:30]}", _set(path, value)


class Gone:
    """In the place of a value: the entry is taken out."""


def put(tree, path: tuple, value):
    """Sets an entry of a tree of dictionaries and lists."""
    for step in path[:-1]:
        tree = tree[step]
    if value is Gone:
        del tree[path[-1]]
    else:
        tree[path[-1]] = value


def _set(path: tuple, value) -> Spoil:
    def spoil(file: Path) -> None:
        content = json.loads(file.read_text())
        put(content, path, value)
        file.write_text(json.dumps(content))

    return spoil


def _paths(tree, prefix: tuple = (), depth: int = 3) -> Iterator[tuple]:
    if depth == 0:
        return
    entries = tree.items() if isinstance(tree, dict) else list(enumerate(tree))[:2] if isinstance(tree, list) else ()
    for key, value in entries:
        yield (*prefix, key)
        yield from _paths(value, (*prefix, key), depth - 1)


def copied(source: Path, name: str, target: Path, spoil: Spoil) -> None:
    """A copy of a folder with one file of it spoiled."""
    shutil.copytree(source, target)
    spoil(target / name)
