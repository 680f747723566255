"""Who tells why a job ends, and what; whole trainings that fail are in test_failing_trainings.py."""

import os

import pytest
from torch.distributed import HashStore, TCPStore

from dcac_fastreid.distributed import failure, join
from dcac_fastreid.distributed.failure import Ending
from dcac_fastreid.distributed.join import Place, begin, has_begun, meet
from dcac_fastreid.distributed.launch import launch
from dcac_fastreid.engine import run_folder
from dcac_fastreid.errors import InputError, lost_process, one_sentence

from .failing import one_fails


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


def test_a_restart_knows_that_its_job_has_begun_and_takes_the_folder_over(monkeypatch, tmp_path):

    monkeypatch.setattr(join, "_store_of_job", None)
    of_launcher = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    address = f"tcp://127.0.0.1:{of_launcher.port}"
    first = meet(Place(0, 1, 0), address)
    first.set("key", "of the first start")
    (tmp_path / "run.lock.json").write_text('{"host": "another", "boot": "?", "process": 7, "since": "then"}')
    assert not has_begun()
    with pytest.raises(InputError, match="may be in use by a run on another machine"):
        run_folder.take(str(tmp_path))
    begin()
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    again = meet(Place(0, 1, 0), address)
    assert has_begun() and not again.check(["key"])
    claim = run_folder.take(str(tmp_path))
    assert str(os.getpid()) in (tmp_path / "run.lock.json").read_text()
    claim.release()
