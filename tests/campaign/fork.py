"""A case in a fork of this process: its exit status, what it wrote, and the state of its folder before and after."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import runpy
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .case import ROOT, Case, Ground

LIMIT_S = 60
MEMORY = 4 * 2**30  # bytes of address space, beyond what the process has when the case begins
NOT_ARRANGED = 97  # exit status of a fork whose case could not be prepared


@dataclass(frozen=True)
class Ended:
    """status: None of a case that was ended at the limit, negative by a signal. left: it left processes behind."""

    status: int | None
    written: str
    before: dict[str, str]
    seconds: float
    left: bool


def run_case(case: Case, ground: Ground) -> Ended:
    """Runs a case in its own folder, which is made, and ends all processes that it leaves."""
    ground.own.mkdir(parents=True)
    output, before = ground.own.with_suffix(".out"), ground.own.with_suffix(".before")
    begin = time.monotonic()
    process = os.fork()
    if process == 0:
        _child(case, ground, output, before)
    status = _wait(process, begin + LIMIT_S)
    left = _end_group(process)
    if status is None:
        os.waitpid(process, 0)
    return Ended(
        status,
        output.read_text(errors="backslashreplace") if output.exists() else "",
        json.loads(before.read_text()) if before.exists() else {},
        time.monotonic() - begin,
        left and status is not None,
    )


def state_of(folder: Path) -> dict[str, str]:
    """Path below the folder -> hash of its content, or what it is instead of a file."""
    state = {}
    for base, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(base, name)
            if path.is_symlink():
                content = f"link to {os.readlink(path)}"
            elif path.is_dir():
                content = "folder"
            elif path.is_file():
                content = hashlib.sha256(path.read_bytes()).hexdigest()
            else:
                content = "special"
            state[os.fsencode(path.relative_to(folder)).decode(errors="backslashreplace")] = content
    return state


def run_tool(words: list[str]) -> None:
    """As a shell would: `python tools/NAME.py ARGS`, or for "-m" `python -m dcac_fastreid ARGS`."""
    if words[0] == "-m":
        sys.argv = ["dcac_fastreid", *words[1:]]
        runpy.run_module("dcac_fastreid", run_name="__main__", alter_sys=True)
    else:
        file = str(ROOT / "tools" / f"{words[0]}.py")
        sys.argv = [file, *words[1:]]
        runpy.run_path(file, run_name="__main__")


def in_a_fork(function: Callable[[], object]) -> None:
    """Calls a function in a fork; raises RuntimeError where it does not end well."""
    process = os.fork()
    if process == 0:
        _exit_as_python(function)
    if status := os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]):
        raise RuntimeError(f"what the cases share could not be made: status {status}")


def _child(case: Case, ground: Ground, output: Path, before: Path) -> None:
    os.setsid()
    stream = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(stream, 1)
    os.dup2(stream, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(ground.own)
    os.environ["HOME"] = str(ground.own)
    try:
        case.arrange(ground)
        before.write_text(json.dumps(state_of(ground.own)))
    except BaseException:
        traceback.print_exc()
        os._exit(NOT_ARRANGED)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    _exit_as_python((lambda: _call(case.call, ground)) if case.call else lambda: run_tool(case.command(ground)))


def _call(function: Callable[[Ground], object], ground: Ground) -> None:
    """A call of the public API, with its exceptions as the tools tell them."""
    import dcac_fastreid
    from dcac_fastreid.errors import InputError

    package = str(Path(dcac_fastreid.__file__).parent)
    with dcac_fastreid.one_sentence_errors():
        try:
            function(ground)
        except TypeError as error:  # of an argument's type, said by the package itself
            if not traceback.extract_tb(error.__traceback__)[-1].filename.startswith(package):
                raise
            raise InputError(str(error)) from error


def _exit_as_python(function: Callable[[], object]) -> None:
    """Ends this process as the interpreter ends after a script: never returns."""
    status = 0
    try:
        function()
    except SystemExit as stopped:
        status = stopped.code if isinstance(stopped.code, int) else int(stopped.code is not None)
        if isinstance(stopped.code, str):
            print(stopped.code, file=sys.stderr)
    except KeyboardInterrupt:
        traceback.print_exc()
        status = 130
    except BaseException:
        traceback.print_exc()
        status = 1
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError):
                pass
        os._exit(status)


def _wait(process: int, until: float) -> int | None:
    while time.monotonic() < until:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    return None


def _end_group(process: int) -> bool:
    """Ends what is left of a case's processes; whether there were any."""
    for _ in range(100):  # processes that see their parent gone may need a moment
        try:
            os.killpg(process, 0)
        except ProcessLookupError:
            return False
        time.sleep(0.02)
    os.killpg(process, signal.SIGKILL)
    return True
