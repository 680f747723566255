"""Hashes of files, or of the images in them, kept in the cache folder: a file that has not changed is read once."""

import hashlib
import os
import re
import sqlite3
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import PIL
from tqdm import tqdm

from dcac_fastreid.data.images import read_image
from dcac_fastreid.data.locations import cache_folder
from dcac_fastreid.errors import InputError
from dcac_fastreid.names import for_sqlite
from dcac_fastreid.warn_once import warn_once

FILE = "file-hashes.sqlite"
BYTES = "hashes"  # the table in it
PIXELS = f"pixels by Pillow {PIL.__version__}"  # another version may decode a JPEG to other pixels
CHUNK = 2**20  # bytes that are read at a time
WAIT = 5  # seconds for another process that writes, which takes milliseconds

# Absolute path as SQLite takes it, size in bytes, time of the last change in nanoseconds.
Key = tuple[str | bytes, int, int]


def file_hashes(paths: Iterable[str | Path], *, keep: bool = True) -> dict[str, str]:
    """Path as given -> SHA-256 of the file's bytes, 64 hexadecimal digits.

    A hash is kept by path, size and time of the last change. Where it cannot be kept, which is logged, the files are read
    again by each run.

    Args:
        keep: else the cache folder is neither read nor made.
    Raises: FileNotFoundError and other OSError: a file that cannot be read. InputError: a folder, a device or a pipe.
    """
    return kept_hashes(paths, BYTES, file_sha256) if keep else _computed(map(str, paths), file_sha256)


def pixel_hashes(paths: Iterable[str | Path]) -> dict[str, str]:
    """Path as given -> SHA-256 of the image's size and pixels, as `read_image` gives them; kept as by `file_hashes`.

    An image that cannot be read is left out. The first time, an image of 64x128 takes 0.15 to 0.25 ms of a processor.

    Raises: FileNotFoundError: a file is not there.
    """
    return kept_hashes(paths, PIXELS, _of_pixels)


def kept_hashes(paths: Iterable[str | Path], table: str, compute: Callable[[str], str | None]) -> dict[str, str]:
    """Path as given -> what `compute` makes of it, kept in the table of that name as by `file_hashes`; None is left out.

    Raises: FileNotFoundError: a file is not there; what `compute` raises.
    """
    keys = {str(path): _key(path) for path in paths}
    file = cache_folder() / FILE
    try:
        kept = _kept(file, table, keys)
    except (sqlite3.Error, OSError) as error:
        _say_not_kept(file, error)
        return _computed(keys, compute)
    computed = _computed([path for path in keys if path not in kept], compute)
    try:
        _keep(file, table, {keys[path]: sha256 for path, sha256 in computed.items()})
    except (sqlite3.Error, OSError) as error:
        _say_not_kept(file, error)
    return kept | computed


def _kept(file: Path, table: str, keys: dict[str, Key]) -> dict[str, str]:
    """What the table has of these files as they are now."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(file, timeout=WAIT)) as connection:
        connection.execute(
            f'CREATE TABLE IF NOT EXISTS "{table}" (path TEXT PRIMARY KEY, bytes INTEGER, changed INTEGER, sha256 TEXT)'
        )
        query = f'SELECT sha256 FROM "{table}" WHERE path = ? AND bytes = ? AND changed = ?'
        rows = {path: connection.execute(query, key).fetchone() for path, key in keys.items()}
    return {path: row[0] for path, row in rows.items() if row and _is_hash(row[0])}


def _keep(file: Path, table: str, computed: dict[Key, str]) -> None:
    with closing(sqlite3.connect(file, timeout=WAIT)) as connection:
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


def _computed(paths: Iterable[str], compute: Callable[[str], str | None]) -> dict[str, str]:
    paths = list(paths)
    with ThreadPoolExecutor() as pool:  # a network drive answers many readers as fast as one
        hashes = tqdm(pool.map(compute, paths), desc="hashes", total=len(paths), unit="file", disable=None, leave=False)
        return {path: sha256 for path, sha256 in zip(paths, hashes, strict=True) if sha256}


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


def _of_pixels(path: str) -> str | None:
    try:
        image = read_image(path)
    except (InputError, OSError):  # whoever trains or tests on it reports it, or leaves it out
        return None
    digest = hashlib.sha256(repr(image.size).encode())
    digest.update(image.tobytes())
    return digest.hexdigest()


def _key(path: str | Path) -> Key:
    status = os.stat(path)
    return for_sqlite(os.path.abspath(path)), status.st_size, status.st_mtime_ns
