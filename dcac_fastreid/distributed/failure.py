"""Why a job of several processes ends: the first that fails tells it, and all others end without a word.

What is told goes through the store with which the processes find each other. It is a launcher's, or that of the process which
has started them, and outlives them.
"""

import atexit
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial
from typing import NoReturn

from torch.distributed import PrefixStore, Store

from dcac_fastreid.command_line import BAD_INPUT, one_sentence_errors
from dcac_fastreid.distributed.join import Place
from dcac_fastreid.errors import Terminated, behind, lost_process

PATIENCE = 20  # seconds in which Python has seen a signal, unless it is in a library; torchrun kills after 30
SETTLE = 5  # seconds in which all that still run have noticed that another one does not
TELLING = 10  # seconds in which one process tells its error: a launcher stops all when the first has ended
CLEANING = 10  # seconds for what a process does at its end
FAULT = 1  # exit status, of an exception that is no user's
CLAIMED, TOLD = "claimed", "told"
_leaving = threading.Lock()


@contextmanager
def one_tells(ending: "Ending", place: Place) -> Iterator[None]:
    """Around all that a process of a job does: an exception in it ends the process, and is told if it is the job's first.

    A process that has lost another one waits until the others have noticed it too, so that it can say which one is gone.
    """
    if threading.current_thread() is threading.main_thread():
        _notice_sigterm(ending, place)
    try:
        yield
    except SystemExit as end:
        if not end.code:
            raise
        _end(ending, place, end)
    except BaseException as error:
        _end(ending, place, error)


class Ending:
    """What the processes of a job know of its end. A store that is gone is one in which nobody has said anything.

    Args: store: a connection of its own, since several threads use it at any time.
    """

    def __init__(self, store: Store):
        self.store = PrefixStore("ending", store)

    def claim(self) -> bool:
        """Whether the caller is the first, which then tells why the job ends."""
        number = 1
        with suppress(RuntimeError):
            number = self.store.add(CLAIMED, 1)
        return number == 1

    def tell(self, status: int) -> None:
        """It is told, and this is the job's exit status."""
        with suppress(RuntimeError):
            self.store.set(TOLD, str(status))

    def told(self, patience: float = 0) -> int | None:
        """The job's exit status, as soon as it is told why; None where nobody tells it in so many seconds."""
        with suppress(RuntimeError):
            if patience:
                self.store.wait([TOLD], timedelta(seconds=patience))
            return int(self.store.get(TOLD)) if self.store.check([TOLD]) else None
        return None

    def notice(self, place: Place) -> None:
        """This process knows that the job ends."""
        with suppress(RuntimeError):
            self.store.set(f"noticed {place.rank}", "")

    def silent(self, place: Place) -> list[int]:
        """The processes that have not noticed within SETTLE seconds that the job ends; none where another one tells why."""
        self.notice(place)
        with suppress(RuntimeError):
            deadline = time.monotonic() + SETTLE
            while not self.store.check([CLAIMED]):
                silent = [rank for rank in range(place.processes) if not self.store.check([f"noticed {rank}"])]
                if not silent or time.monotonic() > deadline:
                    return silent
                time.sleep(0.05)
        return []


def _notice_sigterm(ending: Ending, place: Place) -> None:
    """From now on also where Python does not see the signal: while gloo waits for a process that has stopped already.

    Where Python does not see it within PATIENCE seconds either, as while it waits in CUDA, the process ends all the same.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    os.register_at_fork(after_in_child=_leave_signals_to_the_parent)
    heard, handler = threading.Event(), signal.getsignal(signal.SIGTERM)
    if callable(handler):
        signal.signal(signal.SIGTERM, lambda *args: (heard.set(), handler(*args)))

    def read() -> None:
        while number := os.read(reader, 1):
            if number[0] == signal.SIGTERM:
                ending.notice(place)
                if not heard.wait(PATIENCE):
                    silent = ending.silent(place)
                    _end_beside(ending, partial(_tell_silent, silent, Terminated()))

    threading.Thread(target=read, name="notice SIGTERM", daemon=True).start()


def end_for_lost(ending: Ending, place: Place, lost: Sequence[int] = (), how: str | None = None) -> NoReturn:
    """Ends the process, from a thread beside it; tells which others are lost, where nobody has told yet why the job ends.

    Args: how: it was noticed.
    """
    ending.notice(place)
    _end_beside(ending, lambda: _say(_sentence(lost, how)))


def _end_beside(ending: Ending, tell: Callable[[], int]) -> NoReturn:
    if ending.claim():
        ending.tell(tell())
    _leave_at_once(ending.told(TELLING) or FAULT)


def _leave_signals_to_the_parent() -> None:
    with suppress(ValueError):  # forked in a thread of Python's that is not the main one
        signal.set_wakeup_fd(-1)


def _end(ending: Ending, place: Place, error: BaseException) -> None:
    if threading.current_thread() is threading.main_thread():
        # Where a loader's process is ended, too, PyTorch's handler raises: in the middle of what follows.
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for number in (signal.SIGINT, signal.SIGTERM):  # by which launchers end the others while one still tells
            signal.signal(number, signal.SIG_IGN)
    silent = ending.silent(place) if lost_process(error) or behind(error, Terminated) else []
    if ending.claim():
        status = _tell_silent(silent, error)
        ending.tell(status)
    else:
        status = ending.told(TELLING) or FAULT
    _leave_at_once(status)


def _tell_silent(silent: Sequence[int], error: BaseException) -> int:
    """Tells which processes are lost, or where none is, what this one ends with; returns the exit status."""
    lost = lost_process(error)
    return _say(_sentence(silent, lost)) if silent or lost else _told(error)


def _sentence(silent: Sequence[int], lost: str | None) -> str:
    who = "another process of the run no longer answers"
    if len(silent) == 1:
        who = f"process {silent[0]} of the run no longer answers"
    elif silent:
        who = f"processes {', '.join(map(str, silent))} of the run no longer answer"
    why = f" ({lost})" if lost else ""
    return (
        f"{who}{why}: killed, for want of memory for instance, or hanging, or on a machine that is no longer reached; go on "
        "with --resume"
    )


def _say(sentence: str) -> int:
    with suppress(OSError):  # nobody may be reading that
        print(f"error: {sentence}", file=sys.stderr, flush=True)
    return BAD_INPUT


def _told(error: BaseException) -> int:
    """Shows what a process ends with, as a command of this package does; returns its exit status."""
    try:
        with one_sentence_errors():
            raise error
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else FAULT
    except BaseException:
        traceback.print_exc()
        return FAULT


def _leave_at_once(status: int) -> NoReturn:
    """Ends the process, but for the interpreter's own end: there gloo's threads, which may still wait, would abort it.

    Once: a second thread that comes here waits for that.
    """
    if not _leaving.acquire(blocking=False):
        threading.Event().wait()
    timer = threading.Timer(CLEANING, os._exit, [status])
    timer.daemon = True
    timer.start()
    with suppress(Exception):
        atexit._run_exitfuncs()  # as multiprocessing does: frees the run's folder, ends the loader's processes
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)
