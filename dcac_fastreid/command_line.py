"""How a command of this package ends: with one sentence and a status, whatever happens."""

import logging
import multiprocessing
import os
import select
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dcac_fastreid.errors import Terminated, behind, one_sentence
from dcac_fastreid.helper_processes import end_with

# Exit statuses; all but the first as a shell names the end by SIGPIPE, SIGINT and SIGTERM.
BAD_INPUT, NOBODY_READS = 2, 141
STOPPED = {signal.SIGINT: ("Ctrl-C", 130), signal.SIGTERM: ("SIGTERM", 143)}
TORCHRUN = "TORCHELASTIC_RUN_ID"  # environment variable of the processes that it starts
host_handle_error = logging.Handler.handleError


def expect_interrupts() -> None:
    """From now on Ctrl-C and SIGTERM end a command of this package with one line, and its worker processes without any.

    For the time of the imports, which take seconds: an exception there may be turned into another one, or be lost. A program
    that imports this package as a library keeps Python's own ways.
    """
    if not _is_command() or threading.current_thread() is not threading.main_thread():
        return
    parent = multiprocessing.parent_process()  # it has started this one by "spawn", as --num-gpus does
    if parent:
        end_with(parent.pid)
    elif TORCHRUN in os.environ:
        end_with(os.getppid())
    # One by one: in the background of a script Ctrl-C is ignored, and SIGTERM is not.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_IGN if parent else _end_now)
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _end_now)
    os.register_at_fork(after_in_child=_leave_to_the_parent)


def open_streams() -> None:
    """Of standard input, output and error those that a command is started without (`>&-`, a service) lead nowhere.

    Else the first files that it opens, a run's lock or its metrics, would be what libraries print to.
    """
    if not _is_command():
        return
    while (free := os.open(os.devnull, os.O_RDWR)) <= 2:  # each takes the place of a missing one
        pass
    os.close(free)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w" if number else "r", closefd=False))


@contextmanager
def one_sentence_errors() -> Iterator[None]:
    """What the user can put right ends the process with its sentence and status 2, without a traceback; see `one_sentence`.

    Ctrl-C ends it with one line and status 130, SIGTERM, which clusters send before they kill, with 143; a closed pipe
    (`| head`) with status 141 and no word. Any other exception is a fault of the code and keeps its traceback.
    """
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # as standard error: a file's name need be no text
    with _signals_and_logs_raise():
        try:
            try:
                yield
            except SystemExit:  # of --help, and of a tool that ends with a status of its own
                sys.stdout.flush()
                raise
            sys.stdout.flush()  # here: when the interpreter ends, a closed pipe is a traceback
        except BaseException as error:
            if interrupt := behind(error, KeyboardInterrupt):  # a library may have turned it into another one
                by, status = STOPPED[signal.SIGTERM if isinstance(interrupt, Terminated) else signal.SIGINT]
                _end(str(interrupt) or f"stopped by {by}", status)
            if isinstance(error, BrokenPipeError) and _nobody_reads():
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                sys.exit(NOBODY_READS)
            if isinstance(error, Exception) and (sentence := one_sentence(error)):
                _end(f"error: {sentence}", BAD_INPUT)
            raise


def _is_command() -> bool:
    package = Path(os.path.realpath(__file__)).parent
    if sys.argv[:1] == ["-m"]:  # while the package is imported
        return package.name in sys.orig_argv
    program = Path(os.path.realpath(sys.argv[0] if sys.argv else ""))
    return program.name == "dcac-fastreid" or program.parent in (package, package.parent / "tools")


def _leave_to_the_parent() -> None:
    """The terminal interrupts this process too, which would show a traceback; its parent ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _end_now(number: int, _) -> None:
    by, status = STOPPED[number]
    with suppress(OSError):  # nobody may be reading that
        os.write(2, f"stopped by {by}\n".encode())
    os._exit(status)


def terminate(*_) -> None:
    """A handler of SIGTERM."""
    sys.unraisablehook = (
        _say_nothing  # a launcher has ended the loader's processes too, of which the loader would complain
    )
    raise Terminated


def _say_nothing(_) -> None:
    """Of an exception in a destructor."""


def _end(sentence: str, status: int) -> None:
    with suppress(OSError):  # nobody may be reading that either
        print(sentence, file=sys.stderr, flush=True)
    if _is_command():  # what was half made when it failed, such as a loader, may fail again when it is given up
        sys.unraisablehook = _say_nothing
    # Where Ctrl-C has interrupted an exec of a text, as a library's import makes, Python would end `python -m` by a signal,
    # whatever the status: it remembers that until the next such exec.
    exec("")
    sys.exit(status)


@contextmanager
def _signals_and_logs_raise() -> Iterator[None]:
    """Ctrl-C and SIGTERM raise, and a log that cannot be written is an error, in place of a traceback for each line.

    A thread that the system refuses something shows none: TensorBoard's, on a full disk, whose error its writer raises again.
    """
    raising = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: terminate}
    ours = [number for number in raising if signal.getsignal(number) is _end_now]
    if threading.current_thread() is not threading.main_thread():
        ours = []
    for number in ours:
        signal.signal(number, raising[number])
    logging.Handler.handleError = _raise_what_the_system_refuses
    of_threads = threading.excepthook
    threading.excepthook = lambda thread: None if issubclass(thread.exc_type, OSError) else of_threads(thread)
    try:
        yield
    finally:
        threading.excepthook = of_threads
        logging.Handler.handleError = host_handle_error
        for number in ours:
            signal.signal(number, _end_now)


def _raise_what_the_system_refuses(handler: logging.Handler, record: logging.LogRecord) -> None:
    if isinstance(sys.exc_info()[1], OSError):
        raise
    host_handle_error(handler, record)


def _nobody_reads() -> bool:
    """Whether standard output is a pipe whose reader has gone."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))
