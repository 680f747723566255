"""SHA-256 of files, kept in the cache folder: a file that has not changed is read once."""

import hashlib
import logging
import os
import sqlite3
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from tqdm import tqdm

from dcac_fastreid.data.locations import cache_folder

logger = logging.getLogger("fastreid.dcac")

FILE = "file-hashes.sqlite"
CHUNK = 2**20  # bytes that are read at a time

Key = tuple[str, int, int]  # absolute path, size in bytes, time of the last change in nanoseconds


def file_hashes(paths: Iterable[str | Path], *, keep: bool = True) -> dict[str, str]:
    """Path as given -> SHA-256 of the file's bytes, 64 hexadecimal digits.

    A hash is kept by path, size and time of the last change. Where it cannot be kept, which is logged, the files are read
    anew by each run.

    Args:
        keep: else the cache folder is neither read nor made.
    Raises: FileNotFoundError and other OSError: a file that cannot be read.
    """
    if not keep:
        return _computed(map(str, paths))
    keys = {str(path): _key(path) for path in paths}
    file = cache_folder() / FILE
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(file, timeout=600)) as connection:
            return _kept_hashes(connection, keys)
    except (sqlite3.Error, PermissionError) as error:
        logger.warning(f"Hashes of files cannot be kept in {file} ({error}): they are computed by each run")
        return _computed(keys)


def _kept_hashes(connection: sqlite3.Connection, keys: dict[str, Key]) -> dict[str, str]:
    connection.execute(
        "CREATE TABLE IF NOT EXISTS hashes (path TEXT PRIMARY KEY, bytes INTEGER, changed INTEGER, sha256 TEXT)"
    )
    kept = {}
    for path, key in keys.items():
        row = connection.execute(
            "SELECT sha256 FROM hashes WHERE path = ? AND bytes = ? AND changed = ?", key
        ).fetchone()
        if row:
            kept[path] = row[0]
    computed = _computed([path for path in keys if path not in kept])
    rows = [(*keys[path], sha256) for path, sha256 in computed.items()]
    connection.executemany("INSERT OR REPLACE INTO hashes VALUES (?, ?, ?, ?)", rows)
    connection.commit()
    return kept | computed


def _computed(paths: Iterable[str]) -> dict[str, str]:
    paths = list(paths)
    with ThreadPoolExecutor() as pool:  # a network drive answers many readers as fast as one
        hashes = tqdm(pool.map(_sha256, paths), desc="hashes", total=len(paths), unit="file", disable=None, leave=False)
        return dict(zip(paths, hashes, strict=True))


def _sha256(path: str) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _key(path: str | Path) -> Key:
    status = os.stat(path)
    return os.path.abspath(path), status.st_size, status.st_mtime_ns
