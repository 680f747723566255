"""A cache of hashes that cannot be used costs time, and never the run, nor a silent wait."""

import os
import sqlite3
from contextlib import closing

import pytest

from dcac_fastreid.data import hashes
from dcac_fastreid.data.hashes import BYTES, FILE, file_hashes, kept_hashes, pixel_hashes
from dcac_fastreid.errors import InputError
from dcac_fastreid.warn_once import warn_once

ONE = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"  # printf one | sha256sum


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A file; the cache folder is tmp_path/cache, which is not made yet."""
    monkeypatch.setenv("DCAC_FASTREID_CACHE", str(tmp_path / "cache"))
    warn_once.cache_clear()
    (tmp_path / "file").write_bytes(b"one")
    return tmp_path / "file"


def test_a_locked_database_is_not_waited_for_in_silence(file, logged, monkeypatch):
    file_hashes([file])
    monkeypatch.setattr(hashes, "WAIT", 0.1)
    os.utime(file, ns=(0, 0))
    with closing(sqlite3.connect(file.parent / "cache" / FILE, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert file_hashes([file]) == {str(file): ONE}
    (said,) = logged()
    assert (
        "cannot be kept in" in said
        and "database is locked" in said
        and "delete the file, or set DCAC_FASTREID_CACHE" in said
    )


def test_what_was_computed_is_not_computed_again_where_it_cannot_be_written(file, logged, monkeypatch):
    computed = []

    def refuse(*args):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(hashes, "_keep", refuse)
    made = kept_hashes([file], BYTES, lambda path: computed.append(path) or "ab")
    assert made == {str(file): "ab"} and computed == [str(file)] and "disk is full" in logged()[0]


def test_a_cache_folder_that_is_a_file_is_done_without(file, logged):
    (file.parent / "cache").write_text("")
    assert file_hashes([file]) == {str(file): ONE} and "cannot be kept" in logged()[0]


@pytest.mark.parametrize("make", ["CREATE TABLE hashes (x)", "CREATE TABLE hashes (path, bytes, changed, sha256)"])
def test_a_table_of_others_is_not_taken_for_hashes(file, make):
    os.mkdir(file.parent / "cache")
    status = file.stat()
    with closing(sqlite3.connect(file.parent / "cache" / FILE)) as other:
        other.execute(make)
        if "sha256" in make:
            other.execute("INSERT INTO hashes VALUES (?, ?, ?, 7)", (str(file), status.st_size, status.st_mtime_ns))
        other.commit()
    assert file_hashes([file]) == {str(file): ONE}


def test_a_name_that_is_no_text_is_kept_too(file, paint, monkeypatch):
    name = file.parent / os.fsdecode(b"caf\xe9.png")
    name.write_bytes(paint(file.parent / "plain.png", "look").read_bytes())
    first = pixel_hashes([name])
    monkeypatch.setattr("hashlib.sha256", lambda content: pytest.fail("decoded again"))
    assert pixel_hashes([name]) == first and list(first) == [str(name)]


def test_a_device_is_not_read_without_end():
    with pytest.raises(InputError, match="/dev/zero is a folder, a device or a pipe"):
        file_hashes(["/dev/zero"], keep=False)
