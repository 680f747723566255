"""A result is on the disk whole or not at all; a folder that cannot take it is named before the work."""

import os
import shutil

import pytest

from dcac_fastreid.errors import InputError
from dcac_fastreid.output_files import check_writable, write_whole


def test_a_write_that_fails_leaves_what_was_there(tmp_path):
    def half(stream):
        stream.write(b"the first half")
        raise OSError(28, "No space left on device")

    (tmp_path / "file").write_bytes(b"before")
    with pytest.raises(InputError, match="No space left on device"):
        write_whole(tmp_path / "file", half)
    assert (tmp_path / "file").read_bytes() == b"before" and len(list(tmp_path.iterdir())) == 1
    shutil.rmtree(tmp_path)
    write_whole(tmp_path / "new" / "file", lambda stream: stream.write(b"after"))
    assert (tmp_path / "new" / "file").read_bytes() == b"after"


def test_a_folder_that_cannot_be_written_is_told_before_the_work(tmp_path, monkeypatch):
    check_writable(tmp_path / "new" / "deep", "the results shall go to")
    assert not list(tmp_path.iterdir()), "it makes nothing"
    (tmp_path / "file").touch(0o700)  # may be written and run, and is no folder
    for folder in (tmp_path / "file", tmp_path / "file" / "deep"):
        with pytest.raises(
            InputError,
            match=f"^the results shall go to {folder}, but {tmp_path}/file is a file; choose another folder$",
        ):
            check_writable(folder, "the results shall go to")
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # as root, every folder may be written
    with pytest.raises(
        InputError, match=f"^it leads to {tmp_path}/new, but {tmp_path} cannot be written; say another$"
    ):
        check_writable(tmp_path / "new", "it leads to", "say another")
