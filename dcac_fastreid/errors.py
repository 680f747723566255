"""What went wrong through the user's input or the machine, and can be put right by the user: in one sentence."""

import errno
import os
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import BrokenExecutor
from typing import TypeVar

from dcac_fastreid.names import printable

E = TypeVar("E", bound=BaseException)
OUT_OF_MEMORY = re.compile(
    r"out of memory|n(o|')t allocate memory|not enough memory|unable to mmap|bad_alloc|ALLOC_FAILED", re.IGNORECASE
)
LOST_WORKER = re.compile(r"DataLoader worker \(pid.* (exited unexpectedly|is killed by signal)", re.DOTALL)
# What gloo, nccl and the store of a job raise: the names of PyTorch's exceptions, and gloo's messages in a RuntimeError.
LOST_PROCESS = ("DistBackendError", "DistNetworkError", "DistStoreError")
OF_GLOO = re.compile(r"\bgloo\b")
HOW_LOST = re.compile(r"Timed out waiting [0-9]+ ?ms|Connection \w+ by peer|Broken pipe|[Tt]imed? ?out")
HINTS = {
    errno.ENOENT: "check the name, and whether something was moved or deleted meanwhile",
    errno.ENOSPC: "free some space; a training goes on with --resume",
    errno.EDQUOT: "free some space; a training goes on with --resume",
    errno.EMFILE: "raise the limit (ulimit -n), or lower DATALOADER.NUM_WORKERS",
}


class InputError(ValueError):
    """A setting, file or folder with which the work cannot be done: one clear sentence, what, got, expected, next step.

    The command line tools show its message without a traceback and exit with status 2; every other ValueError is taken
    for a fault of this package and keeps its traceback.

    The sentence is one line, whatever names of files it tells: what is no printable letter is escaped (`names.printable`).

    Args: listed: what a sentence that ends with a colon lists, a line each. then: a line behind these.
    """

    def __init__(self, sentence: object = "", listed: Iterable[str] = (), then: str = ""):
        text = str(sentence)
        if "Original Traceback" not in text:  # as PyTorch raises the error of a loader's process again
            text = "\n".join(map(printable, (text, *(f"  - {line}" for line in listed), *([then] if then else []))))
        super().__init__(text)

    def __reduce__(self):
        """Pickled, as by a worker process, it keeps its lines, whose ends the constructor would take for a part of a name."""
        return _with_args, (type(self), self.args), self.__dict__


class MissingInputs(InputError, FileNotFoundError):
    """Files and folders that are not there, a line each."""


class DivergenceError(InputError, FloatingPointError):
    """A training whose losses or weights are NaN or infinite; the host raises FloatingPointError for it."""


class Terminated(KeyboardInterrupt):
    """SIGTERM, with which a cluster asks a process to end before it kills it: all is left as after Ctrl-C."""


def _with_args(kind: type[InputError], args: tuple) -> InputError:
    error = kind()
    error.args = args
    return error


def each_alone(processes: int | str, otherwise: str) -> InputError:
    """What is said where a launcher has started several processes, none of which would know of the others.

    Args: otherwise: the end of the sentence, what to do.
    """
    return InputError(
        f"a launcher (torchrun) has started {processes} processes, each of which would do the whole work; {otherwise}"
    )


def one_sentence(error: BaseException) -> str | None:
    """The sentence with which a command ends at this exception; None for a fault of the code, whose traceback is wanted.

    It is one for an InputError, for what the operating system refuses (a missing file, a full disk), for a missing package,
    and where memory, a worker process or another process of the job is lost. One line, but for an InputError that lists.
    """
    words = _words(error)
    if isinstance(error, InputError):
        return words
    line = printable(" ".join(words.split()))
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError | OSError) and OUT_OF_MEMORY.search(line)):
        return (
            f"the memory does not suffice ({_telling(line)}); try a smaller SOLVER.IMS_PER_BATCH, or SOLVER.MICRO_BATCH "
            "or SOLVER.CHECKPOINT_ACTIVATIONS, which keep the batch; for a test, a smaller TEST.IMS_PER_BATCH"
        )
    if isinstance(error, BrokenExecutor) or (isinstance(error, RuntimeError) and LOST_WORKER.search(words)):
        return (
            f"a worker process was ended from outside ({_telling(line)}), most often for want of memory; try fewer of "
            "them (DATALOADER.NUM_WORKERS), or more shared memory"
        )
    if lost := lost_process(error):
        return f"another process of the run no longer answers ({lost})"
    if isinstance(error, OSError):
        hint = HINTS.get(error.errno)
        return f"{line}; {hint}" if hint else line
    return line if isinstance(error, ImportError) else None


def lost_process(error: BaseException | None) -> str | None:
    """How it was noticed that another process of the job has ended or hangs; None for an exception with another reason.

    An exception that was raised because of such a one is one too.
    """
    for reason in _chain(error):
        of_gloo = isinstance(reason, RuntimeError) and OF_GLOO.search(str(reason))
        if of_gloo or type(reason).__name__ in LOST_PROCESS:
            how = HOW_LOST.search(str(reason))
            return how[0] if how else type(reason).__name__
    return None


def behind(error: BaseException | None, kind: type[E]) -> E | None:
    """The exception of this kind that an exception is, or because of which it was raised."""
    return next((reason for reason in _chain(error) if isinstance(reason, kind)), None)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        yield error
        seen.add(id(error))
        error = error.__cause__ or error.__context__


def _words(error: BaseException) -> str:
    """The message of an exception; of a loader's process that of the exception there, which comes with its traceback."""
    text = str(error).strip()
    name = type(error).__name__
    if "Original Traceback" in text:
        *_, text = re.split(rf"^(?:[\w.]+\.)?{name}(?:: |$)", text, flags=re.MULTILINE)
    if isinstance(error, OSError) and not re.search(r"[^\W\d_]", text.replace("Errno", "").replace("None", "")):
        number = error.errno or next((value for value in error.args if isinstance(value, int)), None)
        text = os.strerror(number) if number else ""
    return text.strip() or name


def _telling(line: str) -> str:
    """Of a library's long message the sentence that tells, else the first."""
    sentences = line.split(". ")
    return next((part for part in sentences if OUT_OF_MEMORY.search(part)), sentences[0])[:200].rstrip(".")


def first_line(error: Exception) -> str:
    """What another library's exception says, for a sentence."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
