"""Hashes of files, or of the images in them, kept in the cache folder: a file that has not changed is read once."""

import hashlib
import os
import re
import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Protocol

import PIL
from PIL import Image
from tqdm import tqdm

from dcac_fastreid.data.images import read_image
from dcac_fastreid.data.locations import cache_folder
from dcac_fastreid.errors import InputError
from dcac_fastreid.file_rows import Key, file_key, rows_of_files
from dcac_fastreid.warn_once import warn_once

FILE = "file-hashes.sqlite"
BYTES = "hashes"  # the table in it
PIXELS = f"pixels by Pillow {PIL.__version__}"  # another version may decode a JPEG to other pixels
CHUNK = 2**20  # bytes that are read at a time
WAIT = 5  # seconds for another process that writes, which takes milliseconds
SAVED = 5  # seconds after which what is computed is saved: an interrupted pass goes on from there

_saving: ContextVar[bool] = ContextVar("saving", default=True)


@contextmanager
def saving_no_hashes() -> Iterator[None]:
    """Inside, hashes that are kept are used, and no others are kept: for what must write nothing, as a dry run."""
    token = _saving.set(False)
    try:
        yield
    finally:
        _saving.reset(token)


class Making(Protocol):
    """What is made of decoded images, beside their hashes.

    Attributes: lacking: paths of the images that it still needs.
    """

    lacking: Collection[str]

    def take(self, path: str, image: Image.Image) -> None:
        """Called for each image that has been opened and can be read, in any order, by several threads."""

    def save(self) -> None:
        """Keeps what has been made of the images taken so far."""


def file_hashes(paths: Iterable[str | Path], *, keep: bool = True) -> dict[str, str]:
    """Path as given -> SHA-256 of the file's bytes, 64 hexadecimal digits.

    A hash is kept by path, size and time of the last change. Where it cannot be kept, which is logged, the files are read
    again by each run.

    Args:
        keep: else the cache folder is neither read nor made.
    Raises: FileNotFoundError and other OSError: a file that cannot be read. InputError: a folder, a device or a pipe.
    """
    if keep:
        return kept_hashes(paths, BYTES, file_sha256)
    computed = {}
    _compute(map(str, paths), file_sha256, computed.update)
    return computed


def pixel_hashes(paths: Iterable[str | Path], making: Making | None = None) -> dict[str, str]:
    """Path as given -> SHA-256 of the image's size and pixels, as `read_image` gives them; kept as by `file_hashes`.

    An image that cannot be read is left out. The first time, an image of 64x128 takes 0.15 to 0.25 ms of a processor.

    Args: making: gets every image that is opened; those that it lacks are opened whether their hash is known or not.
    Raises: FileNotFoundError: a file is not there; what `making` raises.
    """
    if making is None:
        return kept_hashes(paths, PIXELS, _of_pixels)
    return kept_hashes(
        paths, PIXELS, lambda path: _of_pixels(path, making), lacking=making.lacking, save_also=making.save
    )


def kept_hashes(
    paths: Iterable[str | Path],
    table: str,
    compute: Callable[[str], str | None],
    *,
    lacking: Collection[str] = (),
    save_also: Callable[[], None] = lambda: None,
) -> dict[str, str]:
    """Path as given -> what `compute` makes of it, kept in the table of that name as by `file_hashes`; None is left out.

    A pass that is interrupted keeps what it has computed.

    Args:
        lacking: of the paths, those that are computed though a hash is kept.
        save_also: called whenever hashes are saved, after them.
    Raises: FileNotFoundError: a file is not there; what `compute` raises.
    """
    keys = {str(path): file_key(path) for path in paths}
    file = cache_folder() / FILE
    kept, computed, can_be_kept = {}, {}, _saving.get()
    try:
        kept = _kept(file, table, keys)
    except (sqlite3.Error, OSError) as error:
        _say_not_kept(file, error)
        can_be_kept = False

    def save(hashes: dict[str, str]) -> None:
        nonlocal can_be_kept
        computed.update(hashes)
        try:
            if can_be_kept:
                _keep(file, table, {keys[path]: sha256 for path, sha256 in hashes.items()})
        except (sqlite3.Error, OSError) as error:
            _say_not_kept(file, error)
            can_be_kept = False
        save_also()

    _compute([path for path in keys if path not in kept or path in lacking], compute, save)
    return kept | computed


def kept_pixel_hashes(paths: Iterable[str]) -> dict[str, str]:
    """As `pixel_hashes`, of the images that need no decoding for it; makes and writes nothing. The images are there."""
    try:
        return _kept(cache_folder() / FILE, PIXELS, {path: file_key(path) for path in paths})
    except sqlite3.Error:  # computed again
        return {}


def _kept(file: Path, table: str, keys: dict[str, Key]) -> dict[str, str]:
    """What the table has of these files as they are now; makes nothing."""
    if not file.is_file():
        return {}
    with closing(sqlite3.connect(file, timeout=WAIT)) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone():
            return {}
        rows = rows_of_files(connection, table, "sha256", keys)
        return {path: sha256 for path, (sha256,) in rows if _is_hash(sha256)}


def _keep(file: Path, table: str, computed: dict[Key, str]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(file, timeout=WAIT)) as connection:
        connection.execute(
            f'CREATE TABLE IF NOT EXISTS "{table}" (path TEXT PRIMARY KEY, bytes INTEGER, changed INTEGER, sha256 TEXT)'
        )
        rows = [(*key, sha256) for key, sha256 in computed.items()]
        connection.executemany(f'INSERT OR REPLACE INTO "{table}" VALUES (?, ?, ?, ?)', rows)
        connection.commit()


def _is_hash(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch("[0-9a-f]+", value) is not None


def _say_not_kept(file: Path, error: Exception) -> None:
    warn_once(
        f"hashes of files cannot be kept in {file} ({error}): each run computes them; if no other run is at work on it, "
        "delete the file, or set DCAC_FASTREID_CACHE to a folder that can be written"
    )


def _compute(
    paths: Iterable[str], compute: Callable[[str], str | None], save: Callable[[dict[str, str]], object]
) -> None:
    """Gives `save` the hashes, a portion every few seconds and the last one at the end, however that comes."""
    paths, portion, saved = list(paths), {}, time.monotonic()
    with ThreadPoolExecutor() as pool:  # a network drive answers many readers as fast as one
        hashes = pool.map(compute, paths)
        bar = tqdm(hashes, desc="hashes", total=len(paths), unit="file", disable=None, leave=False)
        try:
            for path, sha256 in zip(paths, bar, strict=True):
                if sha256:
                    portion[path] = sha256
                if time.monotonic() - saved > SAVED:
                    save(portion)
                    portion, saved = {}, time.monotonic()
        finally:
            hashes.close()  # those that have not begun are left
            save(portion)


def file_sha256(path: str | Path) -> str:
    """SHA-256 of the file's bytes, 64 hexadecimal digits; computed again, of a file of any size in little memory.

    Raises: OSError: a file that cannot be read. InputError: a folder, a device or a pipe.
    """
    if not os.path.isfile(path) and os.path.exists(path):  # a device has no end, and a pipe may never begin
        raise InputError(f"{path} is a folder, a device or a pipe; expected a file")
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _of_pixels(path: str, making: Making | None = None) -> str | None:
    try:
        image = read_image(path)
    except (InputError, OSError):  # whoever trains or tests on it reports it, or leaves it out
        return None
    if making:
        making.take(path, image)
    digest = hashlib.sha256(repr(image.size).encode())
    digest.update(image.tobytes())
    return digest.hexdigest()
