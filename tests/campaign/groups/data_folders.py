"""Folders of photos and of data sets that are half, messy or foreign, through every door that reads images."""

from __future__ import annotations

import os
import random
import shutil
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from ..case import Case, Ground
from ..ground import BASELINE, DUKE, MARKET, SMALL, SYNTHETIC, training

Spoil = Callable[[Path], None]  # a folder with photos in it


def photos_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix in (".jpg", ".png"))


def first(change: Callable[[Path], object]) -> Spoil:
    def spoil(folder: Path) -> None:
        change(photos_in(folder)[0])

    return spoil


def every(change: Callable[[Path], object]) -> Spoil:
    def spoil(folder: Path) -> None:
        for photo in photos_in(folder):
            change(photo)

    return spoil


def named(name: str | bytes) -> Spoil:
    """One photo called so."""

    def change(photo: Path) -> None:
        os.rename(os.fsencode(photo), os.path.join(os.fsencode(photo.parent), os.fsencode(name)))

    return first(change)


def beside(name: str, content: bytes = b"x") -> Spoil:
    return first(lambda photo: (photo.parent / name).write_bytes(content))


def image(mode: str, size: tuple[int, int], format: str = "PNG") -> Spoil:
    def change(photo: Path) -> None:
        from PIL import Image

        Image.new(mode, size).save(photo, format)

    return first(change)


def png(width: int, height: int, data: bytes = b"") -> bytes:
    """A PNG of any claimed size, its pixels compressed."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(data or bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def _special(make: Callable[[Path], object]) -> Spoil:
    def change(photo: Path) -> None:
        photo.unlink()
        make(photo)

    return first(change)


MESSES: dict[str, Spoil] = {
    "empty photo": first(lambda photo: photo.write_bytes(b"")),
    "cut photo": first(lambda photo: photo.write_bytes(photo.read_bytes()[:300])),
    "all cut": every(lambda photo: photo.write_bytes(photo.read_bytes()[:300])),
    "text": first(lambda photo: photo.write_text("hello")),
    "noise": first(lambda photo: photo.write_bytes(random.Random(0).randbytes(5000))),
    "header and noise": first(lambda p: p.write_bytes(p.read_bytes()[:200] + random.Random(1).randbytes(3000))),
    "a page": first(lambda photo: photo.write_bytes(b"<html>404</html>")),
    "pointer": first(lambda p: p.write_bytes(b"version https://git-lfs.github.com/spec/v1\n")),
    "vast": first(lambda photo: photo.write_bytes(png(60_000, 60_000))),
    "no width": first(lambda photo: photo.write_bytes(png(0, 10))),
    "one pixel": image("RGB", (1, 1)),
    "thin": image("RGB", (3000, 1)),
    "cmyk": image("CMYK", (64, 128), "JPEG"),
    "palette": image("P", (64, 128)),
    "16 bits": image("I;16", (64, 128)),
    "alpha": image("RGBA", (64, 128)),
    "float": image("F", (64, 128), "TIFF"),
    "1 bit": image("1", (64, 128)),
    "folder called photo": _special(lambda photo: photo.mkdir()),
    "pipe": _special(lambda photo: os.mkfifo(photo)),
    "link to nowhere": _special(lambda photo: photo.symlink_to("nowhere.jpg")),
    "link to itself": _special(lambda photo: photo.symlink_to(photo.name)),
    "device": _special(lambda photo: photo.symlink_to("/dev/zero")),
    "not utf-8": named(b"0001_c1s1_caf\xe9.jpg"),
    "line end": named("0001_c1s1_a\nb.jpg"),
    "escape": named("0001_c1s1_\x1b[31m.jpg"),
    "dollar": named("0001_c1s1_$x_{.jpg"),
    "right to left": named("0001_c1s1_\u202egpj.jpg"),
    "markup": named("0001_c1s1_<script>alert(1)<.jpg"),
    "long": named("0001_c1s1_" + "x" * 200 + ".jpg"),
    "capitals": named("0001_C1S1_000.JPG"),
    "spaces": named("0001_c1s1_ a .jpg"),
    "hidden": named(".0001_c1s1.jpg"),
    "heic": beside("0001_c1s1.heic"),
    "avif": beside("0001_c1s1.avif"),
    "thumbs": beside("Thumbs.db"),
    "a csv": beside("a,b\n.csv"),
    "loop of folders": lambda folder: (folder / "loop").symlink_to(folder),
    "loop above": lambda folder: (folder / "up").symlink_to(".."),
    "root as link": lambda folder: (folder / "root").symlink_to("/nowhere"),
    "deep": lambda folder: (folder / "/".join("d" * 60)).mkdir(parents=True),
    "nothing": every(lambda photo: photo.unlink()),
    "one photo": lambda folder: [photo.unlink() for photo in photos_in(folder)[1:]],
    "all the same": lambda f: [p.write_bytes(photos_in(f)[0].read_bytes()) for p in photos_in(f)],
    "links to one": lambda f: [(p.unlink(), p.symlink_to(photos_in(f)[0])) for p in photos_in(f)[1:]],
    "folder of bytes": lambda f: os.mkdir(os.fsencode(f) + b"/\xff\xfe"),
    "folder with a line end": lambda folder: (folder / "a\nb").mkdir(),
}


def own(door: str) -> tuple[str, ...]:
    checkpoint = "{run}/model_final.pth"
    config = str(SYNTHETIC / "own_photos.yml")
    return {
        "check-data": ("dataset_doctor", "mess"),
        "check-data, json": ("dataset_doctor", "mess", "--json"),
        "check-data, links": ("dataset_doctor", "mess", "--link", "linked"),
        "train": (
            "train_net",
            "--config-file",
            config,
            *SMALL,
            "DATALOADER.NUM_INSTANCE",
            "2",
            "DATASETS.ROOT",
            "mess",
            "OUTPUT_DIR",
            "out",
        ),
        "index": ("search", "index", "--checkpoint", checkpoint, "--gallery", "mess", "--index", "out"),
        "index, skipping": (
            "search",
            "index",
            "--checkpoint",
            checkpoint,
            "--gallery",
            "mess",
            "--index",
            "out",
            "--skip-unreadable",
        ),
        "features": ("extract_features", "--checkpoint", checkpoint, "--input", "mess", "--output", "out"),
        "calibrate": ("search", "calibrate", "--index", "index", "--people", "mess", "--false-match-rate", "0.2"),
        "query": ("search", "query", "--index", "{index}", "--photos", "mess", "--output", "found"),
        "probe": ("export_model", "--checkpoint", checkpoint, "--output", "encoder.pt2", "--probe", "mess"),
    }[door]


DOORS = (
    "check-data",
    "check-data, json",
    "check-data, links",
    "train",
    "index",
    "index, skipping",
    "features",
    "calibrate",
    "query",
    "probe",
)


def in_a_copy(root: str, part: str, spoil: Spoil) -> Callable[[Ground], None]:
    def arrange(ground: Ground) -> None:
        shutil.copytree(getattr(ground, root), ground.own / "mess")
        if root == "photos":
            shutil.copytree(ground.index, ground.own / "index")
        spoil(ground.own / "mess" / part)

    return arrange


def people(spoil: Spoil) -> Callable[[Ground], None]:
    def arrange(ground: Ground) -> None:
        shutil.copytree(ground.photos / "people", ground.own / "mess")
        shutil.copytree(ground.index, ground.own / "index")
        spoil(ground.own / "mess")

    return arrange


def lists(change: Callable[[bytes], bytes]) -> Spoil:
    def spoil(folder: Path) -> None:
        file = folder / "list_query.txt"
        file.write_bytes(change(file.read_bytes()))

    return spoil


LISTS: dict[str, Spoil] = {
    "mark": lists(lambda text: b"\xef\xbb\xbf" + text),
    "utf-16": lists(lambda text: text.decode().encode("utf-16")),
    "crlf": lists(lambda text: text.replace(b"\n", b"\r\n")),
    "backslashes": lists(lambda text: text.replace(b"/", b"\\")),
    "tabs": lists(lambda text: text.replace(b" ", b"\t")),
    "quotes": lists(lambda text: text.replace(b"0000/", b'"0000/')),
    "empty": lists(lambda text: b""),
    "half a line": lists(lambda text: text[:-20]),
    "no person": lists(lambda text: text + b"0000/a.jpg\n"),
    "negative": lists(lambda text: text.replace(b" 0", b" -1")),
    "large": lists(lambda text: text.replace(b" 0", b" " + b"9" * 40)),
    "outside": lists(lambda text: text + b"../../../etc/passwd 0\n"),
    "absolute": lists(lambda text: text + b"/etc/passwd 0\n"),
    "null bytes": lists(lambda text: text + b"\0\0\0 0\n"),
    "not utf-8": lists(lambda text: text + b"\xe9\xff.jpg 0\n"),
    "twice": lists(lambda text: text + text),
    "a folder": lambda f: ((f / "list_query.txt").unlink(), (f / "list_query.txt").mkdir()),
}


def cases() -> Iterator[Case]:
    for name, spoil in MESSES.items():
        for door in DOORS:
            yield Case("photos", f"{name}, {door}", own(door), people(spoil))
        for part, config in ((f"{MARKET}/bounding_box_train", BASELINE), (f"{DUKE}/query", BASELINE)):
            words = training(config, "out", root="mess")
            yield Case("data sets", f"{name} in {part}", words, in_a_copy("data_root", part, spoil))
            skip = (*words, "DATALOADER.SKIP_CORRUPT", "True")
            yield Case("data sets", f"{name} in {part}, skipping", skip, in_a_copy("data_root", part, spoil))
            check_data = ("dataset_doctor", "mess")
            yield Case("data sets", f"{name} in {part}, check-data", check_data, in_a_copy("data_root", part, spoil))
    for name, spoil in LISTS.items():
        words = training(BASELINE, "out", "DATASETS.TESTS", "('DG_MSMT17',)", root="mess")
        yield Case("data sets", f"list: {name}", words, in_a_copy("data_root", "MSMT17_V1", spoil))
        yield Case(
            "data sets",
            f"list: {name}, check-data",
            ("dataset_doctor", "mess"),
            in_a_copy("data_root", "MSMT17_V1", spoil),
        )
