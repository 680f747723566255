"""A table's rows that are of files as they are now."""

import os
import sqlite3
from contextlib import closing

import pytest

from dcac_fastreid import file_rows
from dcac_fastreid.file_rows import file_key, rows_of_files


@pytest.fixture
def database(tmp_path):
    file = tmp_path / "kept.sqlite"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute('CREATE TABLE "what is kept" (path TEXT, bytes INTEGER, changed INTEGER, value TEXT)')
        connection.commit()
        yield file, connection


def files(folder, *names):
    for name in names:
        with open(os.path.join(os.fsencode(folder), name), "wb") as stream:
            stream.write(name)
    return [os.path.join(folder, os.fsdecode(name)) for name in names]


def keep(connection, keys):
    rows = [(*key, f"of {number}") for number, key in enumerate(keys.values())]
    connection.executemany('INSERT INTO "what is kept" VALUES (?, ?, ?, ?)', rows)
    connection.commit()


def test_rows_come_in_the_order_of_the_files_whatever_their_names(database, tmp_path):
    _, connection = database
    paths = files(tmp_path, b"b.jpg", b"\xe9.jpg", "ä.jpg".encode(), b"a.jpg")
    keys = {path: file_key(path) for path in paths}
    keep(connection, keys)
    found = list(rows_of_files(connection, "what is kept", "value", keys))
    assert found == [(path, (f"of {number}",)) for number, path in enumerate(paths)]
    assert list(rows_of_files(connection, "what is kept", "value", dict([*keys.items()][2:]))) == found[2:]


def test_of_a_file_that_has_changed_there_is_no_row(database, tmp_path):
    _, connection = database
    longer, later, same, new = files(tmp_path, b"longer", b"later", b"same", b"new")
    keep(connection, {path: file_key(path) for path in (longer, later, same)})
    with open(longer, "ab") as stream:
        stream.write(b"!")
    os.utime(later, ns=(0, 0))
    keys = {path: file_key(path) for path in (longer, later, new, same)}
    assert list(rows_of_files(connection, "what is kept", "value", keys)) == [(same, ("of 2",))]


def test_a_key_is_of_the_absolute_path_or_of_that_from_a_root(tmp_path, monkeypatch):
    (path,) = files(tmp_path, b"a.jpg")
    monkeypatch.chdir(tmp_path)
    assert file_key("a.jpg") == file_key(path)
    assert file_key(path, tmp_path)[0] == "a.jpg"
    with pytest.raises(FileNotFoundError):
        file_key("b.jpg")


def test_others_can_write_while_rows_are_read(database, tmp_path, monkeypatch):
    monkeypatch.setattr(file_rows, "PORTION", 2)
    file, connection = database
    keys = {path: file_key(path) for path in files(tmp_path, b"a.jpg", b"b.jpg", b"c.jpg")}
    keep(connection, keys)
    rows = rows_of_files(connection, "what is kept", "value", keys)
    next(rows)
    with closing(sqlite3.connect(file, timeout=0)) as other:
        other.execute('DELETE FROM "what is kept"')
        other.commit()
    assert len(list(rows)) == 1  # of the portion that was read before


def test_a_connection_that_may_not_write_is_enough(database, tmp_path):
    file, _ = database
    keys = {path: file_key(path) for path in files(tmp_path, b"a.jpg")}
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as reader:
        assert list(rows_of_files(reader, "what is kept", "value", keys)) == []
