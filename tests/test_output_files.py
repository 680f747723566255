"""A result is on the disk whole or not at all; a folder that cannot take it is named before the work."""

import errno
import multiprocessing
import os
import shutil
import signal
import time

import pytest

from dcac_fastreid.errors import InputError
from dcac_fastreid.output_files import check_output_file, check_writable, finished_name, left_unfinished, write_whole


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


def test_the_content_is_on_the_disk_before_it_takes_the_name(tmp_path, monkeypatch):
    done, replace = [], os.replace
    monkeypatch.setattr("os.fsync", lambda file: done.append((os.fstat(file).st_size, "on the disk")))
    monkeypatch.setattr("os.replace", lambda *paths: (done.append("named"), replace(*paths)))
    write_whole(tmp_path / "file", lambda stream: stream.write(b"12345"))
    assert done == [(5, "on the disk"), "named"]


def test_two_that_write_one_file_do_not_meet(tmp_path):
    def write_while_another_does(stream):
        write_whole(tmp_path / "file", lambda other: other.write(b"the other's"))
        assert (tmp_path / "file").read_bytes() == b"the other's"
        stream.write(b"mine")

    write_whole(tmp_path / "file", write_while_another_does)
    assert (tmp_path / "file").read_bytes() == b"mine" and len(list(tmp_path.iterdir())) == 1


def test_an_interrupted_write_leaves_nothing(tmp_path):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a suite in the background is deaf to it
    try:
        with pytest.raises(KeyboardInterrupt):
            write_whole(tmp_path / "file", lambda stream: signal.raise_signal(signal.SIGINT))
    finally:
        signal.signal(signal.SIGINT, before)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_found_and_what_others_are_writing_is_not(tmp_path):
    context = multiprocessing.get_context("fork")
    started = context.Event()

    def write(name):
        write_whole(tmp_path / name, lambda stream: started.set() or time.sleep(600))

    def begin(name):
        process = context.Process(target=write, args=(name,))
        process.start()
        assert started.wait(20)
        started.clear()
        return process

    killed, living = begin("model_1.pth"), begin("model_2.pth")
    killed.kill()
    killed.join()
    (tmp_path / "model_0.pth.unfinished").touch()  # of an earlier version
    (tmp_path / f"model_3.pth.{os.getpid()}-00000000-0.unfinished").touch()  # a number that came again
    (tmp_path / f"other.{killed.pid}-00000000-0.unfinished").touch()

    assert {finished_name(path.name) for path in tmp_path.iterdir()} == {f"model_{n}.pth" for n in range(4)} | {"other"}

    def check(stream):
        found = {path.name.split(".")[0] for path in left_unfinished(tmp_path, "model_*.pth")}
        assert found == {"model_0", "model_1", "model_3"}, "not what this process or a living one writes"

    try:
        write_whole(tmp_path / "model_4.pth", check)
    finally:
        living.kill()
        living.join()


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
    (tmp_path / "link").symlink_to("nowhere")
    for folder in (tmp_path / "link", tmp_path / "link" / "deep"):
        with pytest.raises(InputError, match=f"but {tmp_path}/link is a link that leads nowhere; choose"):
            check_writable(folder, "the results shall go to")
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # as root, every folder may be written
    with pytest.raises(
        InputError, match=f"^it leads to {tmp_path}/new, but {tmp_path} cannot be written; say another$"
    ):
        check_writable(tmp_path / "new", "it leads to", "say another")


def test_what_is_no_file_is_never_replaced(tmp_path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    before = {path: os.lstat(path) for path in tmp_path.iterdir()}
    null = os.stat("/dev/null")
    for name, what in (("folder", "is a folder"), ("pipe", "is a device, a pipe"), ("link", "is a device, a pipe")):
        for write in (lambda path: write_whole(path, lambda stream: None), lambda path: check_output_file(path, "it")):
            with pytest.raises(InputError, match=what):
                write(tmp_path / name)
    for device in ("/dev/null", "/dev/stdout", "/dev/new-here"):
        with pytest.raises(InputError, match="is a device"):
            check_output_file(device, "it")
    assert {path: os.lstat(path) for path in tmp_path.iterdir()} == before and os.stat("/dev/null") == null


def test_files_and_links_to_files_are_replaced(tmp_path):
    (tmp_path / "old").write_text("old")
    (tmp_path / "link").symlink_to("old")
    (tmp_path / "nowhere").symlink_to("gone")
    for name in ("old", "link", "nowhere", "new"):
        check_output_file(tmp_path / name, "it")
        write_whole(tmp_path / name, lambda stream: stream.write(b"new"))
        assert (tmp_path / name).read_text() == "new" and not (tmp_path / name).is_symlink()


def test_the_reason_is_the_full_disk_and_not_the_bookkeeping_of_torch_save(tmp_path):
    def write(stream):
        try:
            raise OSError(errno.ENOSPC, "No space left on device")
        except OSError:
            raise RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 704 vs 598")  # noqa: B904

    with pytest.raises(InputError, match="could not be written .*No space left on device.; free some space"):
        write_whole(tmp_path / "file", write)
