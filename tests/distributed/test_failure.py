"""Who tells why a job ends, and what; whole trainings that fail are in test_failing_trainings.py."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from torch.distributed import HashStore, TCPStore

from dcac_fastreid.distributed import failure, join
from dcac_fastreid.distributed.failure import Ending
from dcac_fastreid.distributed.join import Place, begin, has_begun, meet
from dcac_fastreid.distributed.launch import launch
from dcac_fastreid.engine import run_folder
from dcac_fastreid.errors import InputError, lost_process, one_sentence

from .failing import one_fails, one_hangs_under_watch, one_works_under_watch
from .test_commands import TORCHRUN


@pytest.fixture(autouse=True)
def no_patience(monkeypatch):
    monkeypatch.setattr(failure, "SETTLE", 0.2)


def test_the_first_that_fails_tells_and_its_status_is_the_jobs():
    store = HashStore()
    first, second = Ending(store), Ending(store)
    assert first.claim() and not second.claim()
    assert second.told() is None
    first.tell(143)
    assert second.told() == second.told(1) == 143


def test_a_process_that_notices_nothing_is_named_and_nobody_where_another_tells():
    store = HashStore()
    assert Ending(store).silent(Place(0, 3, 0)) == [1, 2]
    assert Ending(store).silent(Place(2, 3, 2)) == [1]
    assert Ending(store).silent(Place(1, 3, 1)) == []
    assert Ending(store).claim()
    assert Ending(store).silent(Place(0, 4, 0)) == []


@pytest.mark.parametrize(
    ("silent", "lost", "begins"),
    [
        ([1], "Broken pipe", "process 1 of the run no longer answers (Broken pipe): killed, for want"),
        ([1, 2], None, "processes 1, 2 of the run no longer answer: killed"),
        ([], "Broken pipe", "another process of the run no longer answers (Broken pipe): killed"),
    ],
)
def test_the_sentence_names_who_is_gone(silent, lost, begins):
    assert failure._sentence(silent, lost).startswith(begins)


def test_what_gloo_raises_is_a_lost_process_and_what_others_raise_is_none():
    closed = RuntimeError("[../third_party/gloo/gloo/transport/tcp/pair.cc:534] Connection closed by peer [::1]:7")
    late = RuntimeError("[../third_party/gloo/gloo/transport/tcp/buffer.cc:72] Timed out waiting 1800000ms for recv")
    assert lost_process(closed) == "Connection closed by peer" and lost_process(late) == "Timed out waiting 1800000ms"
    assert one_sentence(closed) == "another process of the run no longer answers (Connection closed by peer)"
    told = InputError("the evaluation failed")
    told.__cause__ = closed
    assert lost_process(told) == "Connection closed by peer"
    assert lost_process(RuntimeError("shapes do not fit")) is None and lost_process(InputError("gloomy")) is None


def test_an_error_of_one_process_is_told_once_and_ends_the_others(capfd):
    with pytest.raises(SystemExit) as end:
        launch(one_fails, 2, args=("input",), on_gpus=False)
    assert end.value.code == 2
    assert capfd.readouterr().err == "error: planted is 1; expected 0\n"


@pytest.mark.slow
def test_a_killed_process_is_told_by_the_one_that_has_started_it(capfd):
    with pytest.raises(InputError, match="^process 1 of the run has ended by SIGKILL, from outside or for want of"):
        launch(one_fails, 2, args=("killed",), on_gpus=False)
    assert capfd.readouterr().err == ""


@pytest.mark.slow
def test_a_process_that_hangs_is_told_and_ended_where_python_hears_nothing(capfd):
    begin = time.monotonic()
    with pytest.raises(SystemExit) as end:
        launch(one_hangs_under_watch, 2, args=(3,), on_gpus=False)
    assert end.value.code == 2 and time.monotonic() - begin < 60
    assert capfd.readouterr().err.startswith(
        "error: process 1 of the run no longer answers (for 0.05 minutes): killed, for"
    )


@pytest.mark.slow
def test_a_process_that_works_for_all_does_not_hang(capfd):
    launch(one_works_under_watch, 2, args=(3,), on_gpus=False)
    assert capfd.readouterr().err == ""


@pytest.mark.slow
def test_a_process_that_hears_no_signal_tells_which_other_one_was_killed():
    words = [sys.executable, *map(str, TORCHRUN), "-m", "tests.distributed.failing"]
    ended = subprocess.run(words, cwd=Path(__file__).parents[2], capture_output=True, text=True)
    told = [line for line in ended.stderr.splitlines() if line.startswith("error: ")]
    assert ended.returncode == 1 and len(told) == 1
    assert told[0].startswith("error: process 1 of the run no longer answers: killed, for want of memory")


def _starts(store, processes):
    with ThreadPoolExecutor(processes) as pool:
        places = [Place(rank, processes, rank) for rank in range(processes)]
        return [each.result(20) for each in [pool.submit(join._start_of_all, store, place) for place in places]]


def test_all_processes_of_a_start_know_it_by_one_number_whatever_earlier_ones_have_left():
    store = HashStore()
    assert _starts(store, 3) == [1, 1, 1]
    store.add("came 2", 1)  # killed before the first process has come
    assert _starts(store, 3) == [2, 2, 2]
    store.add("came 0", 1)  # killed before the others have come
    assert _starts(store, 4) == [4, 4, 4, 4]


def test_a_process_that_does_not_come_is_told(monkeypatch):
    monkeypatch.setattr(join, "LIMIT", timedelta(seconds=0.2))
    with pytest.raises(
        InputError, match=r"^of 3 processes 2 have not come within .* minutes \(numbers 1, 2\); start them, too$"
    ):
        join._start_of_all(HashStore(), Place(0, 3, 0))


@pytest.mark.parametrize("processes", [1, 2])
def test_a_restart_knows_that_its_job_has_begun_and_takes_its_folder_over_and_no_other(
    monkeypatch, tmp_path, processes
):
    mine, another = tmp_path / "mine", tmp_path / "another"
    for folder in (mine, another):
        folder.mkdir()
        (folder / "run.lock.json").write_text('{"host": "another", "boot": "?", "process": 7, "since": "then"}')
    of_launcher = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    said = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": of_launcher.port, "TORCHELASTIC_USE_AGENT_STORE": True}
    for name, value in said.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setattr(join, "_store_of_job", None)

    def start():
        if processes == 1:
            return meet(Place(0, 1, 0))
        with ThreadPoolExecutor(2) as pool:
            return [pool.submit(meet, Place(rank, 2, rank)) for rank in range(2)][0].result(20)

    start().set("key", "of the first start")
    assert not has_begun(str(mine))
    with pytest.raises(InputError, match="may be in use by a run on another machine"):
        run_folder.take(str(mine))
    begin(str(mine))
    again = start()
    assert has_begun(str(mine)) and not has_begun(str(another)) and not again.check(["key"])
    claim = run_folder.take(str(mine))
    assert str(os.getpid()) in (mine / "run.lock.json").read_text()
    claim.release()
    with pytest.raises(InputError, match="may be in use by a run on another machine"):
        run_folder.take(str(another))
