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

from dcac_fastreid.errors import one_sentence

BAD_INPUT, STOPPED, NOBODY_READS = (
    2,
    130,
    141,
)  # exit statuses; the last two as a shell names the end by SIGINT and SIGPIPE
host_handle_error = logging.Handler.handleError


def expect_interrupts() -> None:
    """From now on Ctrl-C ends a command of this package with one line, and its worker processes without any.

    For the time of the imports, which take seconds: an exception there may be turned into another one, or be lost. A program
    that imports this package as a library keeps Python's own ways.
    """
    if not _is_command() or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        return
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN if multiprocessing.parent_process() else _end_now)
        # The terminal interrupts them too, each would show a traceback; this process ends them.
        os.register_at_fork(after_in_child=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))


@contextmanager
def one_sentence_errors() -> Iterator[None]:
    """What the user can put right ends the process with its sentence and status 2, without a traceback; see `one_sentence`.

    Ctrl-C ends it with one line and status 130; a closed pipe (`| head`) with status 141 and no word. Any other exception is
    a fault of the code and keeps its traceback.
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
            if interrupt := _interrupt_behind(error):
                _end(str(interrupt) or "stopped by Ctrl-C", STOPPED)
            if isinstance(error, BrokenPipeError) and _nobody_reads():
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                sys.exit(NOBODY_READS)
            if isinstance(error, Exception) and (sentence := one_sentence(error)):
                _end(f"error: {sentence}", BAD_INPUT)
            raise


def _is_command() -> bool:
    package = Path(__file__).resolve().parent
    if sys.argv[:1] == ["-m"]:  # while the package is imported
        return package.name in sys.orig_argv
    return Path(sys.argv[0] if sys.argv else "").resolve().parent in (package, package.parent / "tools")


def _end_now(*_) -> None:
    os.write(2, b"stopped by Ctrl-C\n")
    os._exit(STOPPED)


def _end(sentence: str, status: int) -> None:
    with suppress(OSError):  # nobody may be reading that either
        print(sentence, file=sys.stderr, flush=True)
    sys.exit(status)


@contextmanager
def _signals_and_logs_raise() -> Iterator[None]:
    """Ctrl-C is a KeyboardInterrupt, and a log that cannot be written an error, in place of a traceback for each line."""
    before = signal.getsignal(signal.SIGINT)
    ours = before is _end_now and threading.current_thread() is threading.main_thread()
    if ours:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    logging.Handler.handleError = _raise_what_the_system_refuses
    try:
        yield
    finally:
        logging.Handler.handleError = host_handle_error
        if ours:
            signal.signal(signal.SIGINT, before)


def _raise_what_the_system_refuses(handler: logging.Handler, record: logging.LogRecord) -> None:
    if isinstance(sys.exc_info()[1], OSError):
        raise
    host_handle_error(handler, record)


def _interrupt_behind(error: BaseException | None) -> KeyboardInterrupt | None:
    """The Ctrl-C that an exception is, or that a library has turned into it."""
    seen = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, KeyboardInterrupt):
            return error
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return None


def _nobody_reads() -> bool:
    """Whether standard output is a pipe whose reader has gone."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))
