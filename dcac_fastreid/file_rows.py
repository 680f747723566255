"""What a table of SQLite keeps of files: a row counts for a file as it is now, by path, size and time of the last change."""

import os
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path

from dcac_fastreid.names import for_sqlite

PORTION = 1000  # rows that are read at a time; between two portions others can write

# Path as SQLite takes it, size in bytes, time of the last change in nanoseconds: the columns path, bytes and changed.
Key = tuple[str | bytes, int, int]


def file_key(path: str | Path, root: str | Path | None = None) -> Key:
    """Its path absolute, or from `root`. Raises: FileNotFoundError and other OSError: as os.stat."""
    status = os.stat(path)
    name = os.path.abspath(path) if root is None else os.path.relpath(path, root)
    return for_sqlite(name), status.st_size, status.st_mtime_ns


def rows_of_files(
    connection: sqlite3.Connection, table: str, columns: str, keys: Mapping[str, Key]
) -> Iterator[tuple[str, tuple]]:
    """Yields (path as given, row) of those files of which the table has one, in the order of `keys`.

    One query for each thousand files, as one for each file is several times slower. It commits what the connection has written.

    Args:
        columns: such as "place, checksum".
        keys: path as given -> file_key.
    Raises: sqlite3.Error: the table cannot be read, or is not there.
    """
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("CREATE TEMP TABLE IF NOT EXISTS wanted (number INTEGER PRIMARY KEY, path, bytes, changed)")
    # CROSS JOIN: a look into the table for each file, in their order.
    query = f'SELECT number, {columns} FROM wanted CROSS JOIN "{table}" USING (path, bytes, changed) ORDER BY number'
    paths = list(keys)
    for first in range(0, len(paths), PORTION):
        portion = paths[first : first + PORTION]
        connection.execute("DELETE FROM wanted")
        connection.executemany(
            "INSERT INTO wanted VALUES (?, ?, ?, ?)", ((number, *keys[path]) for number, path in enumerate(portion))
        )
        connection.commit()  # else others could not write to the table meanwhile
        for number, *row in connection.execute(query).fetchall():
            yield portion[number], tuple(row)
