"""A folder is made once, under a lock, complete or absent."""

import multiprocessing
import time
from pathlib import Path

import pytest

from dcac_fastreid.synthetic.build_once import build_once
from dcac_fastreid.synthetic.data_set import make_data_set
from dcac_fastreid.synthetic.domains import Counts


def fill(folder):
    (folder / "first").write_text("1")
    (folder / "last").write_text("2")


def test_folder_is_made_on_first_use_and_kept(tmp_path):
    folder = tmp_path / "cache" / "data"

    def refuse(_):
        raise AssertionError("made a second time")

    assert build_once(folder, fill) == folder
    assert build_once(folder, refuse) == folder
    assert sorted(path.name for path in folder.iterdir()) == ["first", "last"]


def test_folder_is_absent_until_it_is_complete(tmp_path):
    folder, seen = tmp_path / "data", []

    def make(unfinished):
        (unfinished / "first").write_text("1")
        seen.append(folder.exists())

    build_once(folder, make)
    assert seen == [False]


@pytest.mark.parametrize("error", [OSError("no space left"), KeyboardInterrupt()])
def test_failure_is_passed_on_and_leaves_no_folder(tmp_path, error):
    folder = tmp_path / "data"

    def fail(unfinished):
        (unfinished / "first").write_text("1")
        raise error

    with pytest.raises(type(error)):
        build_once(folder, fail)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == []
    build_once(folder, fill)
    assert (folder / "last").exists()


def test_remains_of_a_killed_run_are_removed(tmp_path):
    folder = tmp_path / "data"
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
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["data"]


def test_workers_end_with_a_killed_process_and_what_they_still_write_is_in_nobodys_way(tmp_path):
    """The real synthetic data set, killed while two workers make its images."""
    folder = tmp_path / "data"
    process = multiprocessing.get_context("fork").Process(target=build_once, args=(folder, _draw_much))
    process.start()
    images = lambda: list(tmp_path.rglob("*.jpg"))  # noqa: E731
    assert wait_for(images, 60)
    workers = [int(word) for word in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]
    assert len(workers) == 2
    process.kill()
    process.join()

    build_once(folder, lambda unfinished: wait_for(lambda: not any(map(lives, workers)), 10) and fill(unfinished))
    assert not any(map(lives, workers))
    assert sorted(path.name for path in folder.iterdir()) == ["first", "last"]
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["data"]


def test_a_long_wait_for_another_process_is_said(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr("dcac_fastreid.waiting.PATIENCE", 0.1)
    context = multiprocessing.get_context("fork")
    together = context.Barrier(2)
    process = context.Process(target=_build_slowly, args=(tmp_path, together))
    process.start()
    together.wait()
    assert wait_for((tmp_path / "calls").exists, 20)
    build_once(tmp_path / "data", fill)
    process.join()
    assert caplog.messages == [f"Another process is making {tmp_path}/data; waiting for it"]


def wait_for(condition, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return bool(condition())


def lives(process: int) -> bool:
    """An orphan may stay as a zombie where nobody collects it."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")")[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _draw_much(unfinished):
    counts = Counts(train_ids=200, train_images=20, test_ids=6, queries=1, gallery=4)
    make_data_set(unfinished, seed=1, counts=counts, workers=2)


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
    folder = build_once(tmp_path / "data", make)
    assert (folder / "last").exists()
