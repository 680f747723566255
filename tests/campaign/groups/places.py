"""The cache folder, HOME and the data root in odd states; names with letters that images and pages could take as commands."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

from ..case import Case, Ground
from ..ground import BASELINE, DCAC, MARKET, SYNTHETIC, training

HELD = []  # connections that hold a lock as long as the case runs
ROOTS = (
    "synthetic:99999999999999999999",
    "synthetic:-1",
    "synthetic:",
    "synthetic: 1",
    "synthetic:1.5",
    "synthetic:\u0663",
    "synthetic:0:EASY",
    "synthetic:0:easy:hard",
    "synthetic:../x",
    "synthetic",
    "",
    "/dev/null",
    "~",
    "~nobody",
    "a_file",
    "a_loop",
    "a_folder",
    "/proc/self",
)
NAMES = (
    "$x_{",
    "$\\frac{",
    "a\nb",
    "\x1b[31m",
    "<script>alert(1)</script>",
    "é",
    "\udce9",
    "x" * 200,
    "-x",
    "_^",
    "%s{0}",
)


def of_cache(make: Callable[[Path], object]) -> Callable[[Ground], None]:
    """Makes a case's own cache folder, in a state."""

    def arrange(ground: Ground) -> None:
        cache = ground.own / "cache"
        make(cache)
        os.environ["DCAC_FASTREID_CACHE"] = str(cache)
        os.environ["HOME"] = str(ground.own / "a_file")
        (ground.own / "a_file").touch()

    return arrange


def locked(cache: Path) -> None:
    cache.mkdir()
    connection = sqlite3.connect(cache / "file-hashes.sqlite")
    connection.execute("CREATE TABLE x (y)")
    connection.execute("BEGIN EXCLUSIVE")
    HELD.append(connection)


def database(content: bytes) -> Callable[[Path], None]:
    def make(cache: Path) -> None:
        cache.mkdir()
        (cache / "file-hashes.sqlite").write_bytes(content)

    return make


def other_tables(cache: Path) -> None:
    cache.mkdir()
    with sqlite3.connect(cache / "file-hashes.sqlite") as connection:
        connection.execute("CREATE TABLE hashes (path INTEGER)")


CACHES: dict[str, Callable[[Path], object]] = {
    "a file": lambda cache: cache.write_text("x"),
    "a link to nowhere": lambda cache: cache.symlink_to("/nowhere/at/all"),
    "a link to itself": lambda cache: cache.symlink_to(cache.name),
    "a pipe": lambda cache: os.mkfifo(cache),
    "locked": locked,
    "no database": database(b"hello" * 1000),
    "an empty database": database(b""),
    "half a database": database(b"SQLite format 3\0" + bytes(50)),
    "other tables": other_tables,
    "a folder for a database": lambda cache: (cache / "file-hashes.sqlite").mkdir(parents=True),
    "files for folders": lambda cache: (cache.mkdir(), (cache / "latents").write_text("x")),
    "full of rubbish": lambda cache: (
        (cache / "latents" / "x").mkdir(parents=True),
        (cache / "latents" / "x.npy").write_text("x"),
    ),
}


def cases() -> Iterator[Case]:
    doors = {
        "train": training(BASELINE, "out"),
        "train DCAC": training(DCAC, "out"),
        "test": training(BASELINE, "out", "--eval-only", "MODEL.WEIGHTS", "{run}/model_final.pth"),
        "check-data": ("dataset_doctor", "{data_root}"),
        "index": (
            "search",
            "index",
            "--checkpoint",
            "{run}/model_final.pth",
            "--gallery",
            "{photos}/gallery",
            "--index",
            "i",
        ),
        "own photos": training(str(SYNTHETIC / "own_photos.yml"), "out", root="{photos}/people"),
    }
    for what, make in CACHES.items():
        for door, words in doors.items():
            yield Case("places", f"cache: {what}, {door}", words, of_cache(make))
    for root in ROOTS:
        known = ("--index", "index", "--dataset", "DG_DukeMTMC", "--root", root)
        for words in (training(BASELINE, "out", root=root), ("dataset_doctor", root), ("search", "calibrate", *known)):
            yield Case("places", f"root {root!r}, {words[0]}", words, _named_things)
    for name in NAMES:
        yield Case("places", f"training into {name[:30]!r}", training(BASELINE, f"logs/{name}"))
        for words in (
            ("curves", f"runs/{name}"),
            ("distances", "--checkpoint", f"runs/{name}/model_final.pth", "DATASETS.ROOT", "{data_root}"),
        ):
            words = ("visualize", words[0], "--output", "out", *words[1:])
            yield Case("places", f"drawing a run called {name[:30]!r}, {words[1]}", words, _run_called(name))
        for door, words in _of_photos(f"photos/{name}").items():
            yield Case("places", f"a folder called {name[:30]!r}, {door}", words, _photos_in(name))


def _of_photos(folder: str) -> dict[str, tuple[str, ...]]:
    return {
        "check-data": ("dataset_doctor", folder),
        "index": ("search", "index", "--checkpoint", "{run}/model_final.pth", "--gallery", folder, "--index", "out"),
        "query": ("search", "query", "--index", "{index}", "--photos", folder, "--output", "found", "--top", "60000"),
    }


def _run_called(name: str) -> Callable[[Ground], None]:
    return lambda ground: shutil.copytree(ground.run, ground.own / "runs" / name) and None


def _photos_in(name: str) -> Callable[[Ground], None]:
    def arrange(ground: Ground) -> None:
        folder = ground.own / "photos" / name / name
        folder.mkdir(parents=True)
        for photo in sorted((ground.data_root / MARKET / "query").iterdir())[:3]:
            shutil.copy(photo, folder)

    return arrange


def _named_things(ground: Ground) -> None:
    (ground.own / "a_file").touch()
    (ground.own / "a_folder").mkdir()
    (ground.own / "a_loop").symlink_to("a_loop")
    shutil.copytree(ground.index, ground.own / "index")
