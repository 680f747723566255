"""The thread that watches the other processes; with real processes in test_failure.py."""

import threading
import time
from datetime import timedelta
from types import SimpleNamespace

import pytest
import torch.distributed as dist
from torch.distributed import HashStore, TCPStore

from dcac_fastreid.distributed import failure, watch
from dcac_fastreid.distributed.failure import Ending
from dcac_fastreid.distributed.join import Place

LIMIT = timedelta(seconds=0.2)


class Ended(Exception):
    pass


@pytest.fixture
def ended(monkeypatch) -> list:
    """Why the process would have ended."""
    reasons = []

    def end(ending, place, lost=(), how=None):
        reasons.append((list(lost), how))
        raise Ended

    monkeypatch.setattr(watch, "end_for_lost", end)
    monkeypatch.setattr(watch, "BEAT", 0.02)
    monkeypatch.setattr(watch, "PATIENCE", 0.1)
    return reasons


def watches(store, monkeypatch, begun: int | None, seconds: float = 1.0) -> None:
    """Process 0 of two, which has begun so many collective operations; None: it has not joined yet."""
    group = SimpleNamespace(WORLD=SimpleNamespace(_get_sequence_number_for_group=lambda: begun))
    monkeypatch.setattr(dist, "group", group)
    monkeypatch.setattr(dist, "is_initialized", lambda: begun is not None)
    done = threading.Event()
    threading.Timer(seconds, done.set).start()
    try:
        watch._watch(Ending(store), Place(0, 2, 0), LIMIT, done)
    except Ended:
        pass
    finally:
        done.set()


def of_other(store, number: int) -> None:
    Ending(store).store.set("collective operations of 1", str(number))


def test_the_one_that_has_begun_less_for_too_long_hangs(ended, monkeypatch):
    store = HashStore()
    of_other(store, 6)
    watches(store, monkeypatch, 7)
    assert ended == [([1], "for 0.00333333 minutes")]


def test_nobody_hangs_where_all_have_begun_as_much_or_one_goes_on(ended, monkeypatch):
    store, stop = HashStore(), time.monotonic() + 0.8
    of_other(store, 7)
    watches(store, monkeypatch, 7)
    assert ended == []

    def goes_on():
        number = 0
        while time.monotonic() < stop:
            of_other(store, number := number + 1)
            time.sleep(0.02)

    thread = threading.Thread(target=goes_on)
    stop = time.monotonic() + 0.8
    thread.start()
    watches(store, monkeypatch, 1000, seconds=0.6)
    thread.join()
    assert ended == []


@pytest.mark.parametrize("begun", [None, 7])
def test_a_process_that_waits_for_others_to_join_ends_when_one_has_told(ended, monkeypatch, begun):
    store = HashStore()
    watches(store, monkeypatch, begun, seconds=0.3)
    assert ended == []
    Ending(store).tell(2)
    watches(store, monkeypatch, begun)
    assert ended == [([], None)]


def test_where_the_store_is_gone_process_0_is(ended, monkeypatch):
    master = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    store = TCPStore("127.0.0.1", master.port, is_master=False)
    del master
    watches(store, monkeypatch, 7)
    assert ended == [([], "the machine of process 0 is no longer reached")]


def test_a_process_that_ends_by_itself_is_left_to_that(ended, monkeypatch):
    store = HashStore()
    Ending(store).tell(2)
    monkeypatch.setattr(watch, "PATIENCE", 5)
    watches(store, monkeypatch, 7, seconds=0.3)
    assert ended == []


def test_sigterm_where_nobody_is_lost_is_told_as_it_is(capsys):
    assert failure._tell_silent([], failure.Terminated()) == 143
    assert capsys.readouterr().err == "stopped by SIGTERM\n"
    assert failure._tell_silent([1], failure.Terminated()) == 2
    assert capsys.readouterr().err.startswith("error: process 1 of the run no longer answers: killed")
