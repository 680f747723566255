"""A folder is made once, under a lock, complete or absent."""

import multiprocessing
import time

import pytest

from dcac_fastreid.synthetic.build_once import build_once


def fill(folder):
    (folder / "first").write_text("1")
    (folder / "last").write_text("2")


def test_folder_is_made_on_first_use_and_kept(tmp_path):
    folder = tmp_path / "cache" / "world"

    def refuse(_):
        raise AssertionError("made a second time")

    assert build_once(folder, fill) == folder
    assert build_once(folder, refuse) == folder
    assert sorted(path.name for path in folder.iterdir()) == ["first", "last"]


def test_folder_is_absent_until_it_is_complete(tmp_path):
    folder, seen = tmp_path / "world", []

    def make(unfinished):
        (unfinished / "first").write_text("1")
        seen.append(folder.exists())

    build_once(folder, make)
    assert seen == [False]


@pytest.mark.parametrize("error", [OSError("no space left"), KeyboardInterrupt()])
def test_failure_is_passed_on_and_leaves_no_folder(tmp_path, error):
    folder = tmp_path / "world"

    def fail(unfinished):
        (unfinished / "first").write_text("1")
        raise error

    with pytest.raises(type(error)):
        build_once(folder, fail)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == []
    build_once(folder, fill)
    assert (folder / "last").exists()


def test_remains_of_a_killed_run_are_removed(tmp_path):
    folder = tmp_path / "world"
    process = multiprocessing.get_context("fork").Process(target=build_once, args=(folder, _start_and_wait))
    process.start()
    deadline = time.monotonic() + 20
    while not list(tmp_path.glob("*/half")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.join()
    assert not folder.exists() and list(tmp_path.glob("*/half"))

    build_once(folder, fill)
    assert list(tmp_path.glob("*/half")) == []
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["world"]


def test_two_processes_at_once_make_it_once(tmp_path):
    context = multiprocessing.get_context("fork")
    together = context.Barrier(2)
    processes = [context.Process(target=_build_slowly, args=(tmp_path, together)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(20)
    assert [process.exitcode for process in processes] == [0, 0]
    assert (tmp_path / "calls").read_text() == "made\n"


def _start_and_wait(unfinished):
    (unfinished / "half").write_text("1")
    time.sleep(60)


def _build_slowly(tmp_path, together):
    def make(unfinished):
        with open(tmp_path / "calls", "a") as calls:
            calls.write("made\n")
        time.sleep(0.3)
        fill(unfinished)

    together.wait()
    folder = build_once(tmp_path / "world", make)
    assert (folder / "last").exists()
