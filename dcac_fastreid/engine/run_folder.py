"""One run, one folder: who holds a folder reads, moves and writes what is in it, and nobody else does.

The lock is the operating system's: that of a killed run is free at once, and forked processes do not inherit it. Beside it
lies who holds it (see folder_holder.py), for the sentence that another one gets.
"""

import atexit
import errno
import json
import os
import time
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, SoftFileLock, Timeout

from dcac_fastreid.checkpoint.earlier_run import CONFIG
from dcac_fastreid.distributed.join import check_joined, has_begun
from dcac_fastreid.engine.folder_holder import (
    HOLDER,
    LOCK,
    has_died,
    holder_of,
    of_another_machine,
    own_note,
    removal,
    who,
)
from dcac_fastreid.engine.heartbeat import Heartbeat
from dcac_fastreid.errors import InputError
from dcac_fastreid.output_files import check_writable, write_whole
from fastreid.utils import comm

WITHOUT_FILE = "run.lock.soft"  # where the drive knows no locks: a file that is there while it is held
APPEARS = 120  # seconds until what one machine has written is seen by another one through a network drive
PATIENCE = 0.2  # seconds; a process that has just been forked may not have let go yet
NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS)  # of a network drive

_claims: dict[str, "Claim"] = {}  # of this process, by real path


class FolderInUse(InputError):
    """Another run has the folder, or may have it."""


class Claim:
    """A run's hold of its folder, from `take` until `release`; `with claim:` while the run is under way.

    Until a run is under way another one of this process may take the folder, as a trainer does after `setup`; from then on
    the earlier claim is worth nothing.
    """

    def __init__(self, folder: str, place: str):
        self._folder, self._place = folder, place
        self._lock: FileLock | SoftFileLock | None = None
        self._since = ""
        self._heartbeat: Heartbeat | None = None
        self._config: bytes | None = None  # config.yaml, as it was when the folder was taken
        self.under_way = False

    def __enter__(self) -> "Claim":
        """Raises InputError: another run has the folder."""
        current = _claims.get(self._place, self)
        if self._place and (current is not self or self.under_way):
            raise InputError(_by_this_process(self._folder))
        self._hold()
        self.under_way = True
        return self

    def __exit__(self, *error) -> None:
        self.release()

    def release(self) -> None:
        """Frees the folder, where this claim still has it."""
        self.under_way = False
        if self._lock is None or _claims.get(self._place) is not self:
            return
        del _claims[self._place]
        self._heartbeat.stop()
        if holder_of(self._place) == own_note(self._since):
            with suppress(OSError):
                os.remove(os.path.join(self._place, HOLDER))
        self._lock.release()
        self._lock = None

    def put_config_back(self) -> None:
        """config.yaml is what it was when the folder was taken: the run that wrote its own there does not begin."""
        if (content := self._config) is not None and _claims.get(self._place) is self:
            write_whole(Path(self._place, CONFIG), lambda stream: stream.write(content))

    def _hold(self) -> None:
        if not self._place or self._lock:
            return
        before = _claims.get(self._place)
        if before:
            self._lock, self._since, self._config = before._lock, before._since, before._config
            self._heartbeat, before._lock = before._heartbeat, None
        else:
            if has_begun(self._place):
                _forget_holder(self._place)
            self._lock = _acquired(self._folder, self._place)
            self._since = time.strftime("%Y-%m-%d %H:%M:%S %z")
            try:
                _check_other_machine(self._folder, self._place)
                write_whole(
                    Path(self._place, HOLDER), lambda stream: stream.write(json.dumps(own_note(self._since)).encode())
                )
            except BaseException:
                self._lock.release()
                raise
            with suppress(OSError):  # there is none
                self._config = Path(self._place, CONFIG).read_bytes()
            self._heartbeat = Heartbeat(Path(self._place, HOLDER))
        _claims[self._place] = self


def take(folder: str) -> Claim:
    """Takes a run's folder for this process, before anything in it is read, moved or written; makes it where it is not there.

    The folder is the same one under another name, by a link or as a relative path. Of several processes that have joined,
    the first holds it for all. "" is no folder, and held by nobody.

    Raises: InputError: another run has it, on this machine or perhaps on another; it cannot be written; or a launcher has
        started this process with others, which it has not joined.
    """
    check_joined()
    if not folder or not comm.is_main_process():
        return Claim("", "")
    place = os.path.realpath(folder)
    if (held := _claims.get(place)) and held.under_way:
        raise InputError(_by_this_process(folder))
    claim = Claim(folder, place)
    claim._hold()
    return claim


def check_seen_by_all(folder: str) -> None:
    """Raises InputError, in every process: some do not see the folder that the first one has taken, as on another machine."""
    if not folder or comm.get_world_size() == 1:
        return
    place = os.path.realpath(folder)
    holder = comm.all_gather(holder_of(place))[0]
    deadline = time.monotonic() + APPEARS
    while not (sees := holder_of(place) == holder) and time.monotonic() < deadline:
        time.sleep(PATIENCE)
    blind = [(rank, theirs) for rank, (theirs, that) in enumerate(comm.all_gather((folder, sees))) if not that]
    for rank, theirs in blind[:1]:
        raise InputError(
            f"OUTPUT_DIR {theirs} of process {rank} is not the folder that process 0 writes to; expected one that all machines "
            "see, on a drive that they share"
        )


def evaluation_folder(folder: str) -> str:
    """An evaluation has a folder of its own: it may run beside the training, whose config.yaml stays; "" of ""."""
    return os.path.join(folder, "evaluation") if folder else ""


def check_free(folder: str) -> None:
    """Raises InputError where another run has the folder; makes nothing where none has been in it."""
    if os.path.exists(os.path.join(folder, LOCK)) and os.path.realpath(folder) not in _claims:
        take(folder).release()


@atexit.register
def _release_all() -> None:
    for claim in list(_claims.values()):
        claim.release()


os.register_at_fork(after_in_child=_claims.clear)  # they are the parent's


def _acquired(folder: str, place: str) -> FileLock:
    check_writable(folder, "the run is to be written to")
    os.makedirs(place, exist_ok=True)
    try:
        return _locked(FileLock(os.path.join(place, LOCK), thread_local=False, fallback_to_soft=False), folder, place)
    except OSError as error:
        if error.errno in NO_LOCKS:
            return _locked(SoftFileLock(os.path.join(place, WITHOUT_FILE), thread_local=False), folder, place)
        raise InputError(
            f"{os.path.join(folder, LOCK)}, which keeps other runs out, cannot be opened ({error.strerror or error}); remove it, "
            "or give this run another folder"
        ) from error


def _locked(lock: FileLock, folder: str, place: str) -> FileLock:
    try:
        lock.acquire(timeout=PATIENCE)
    except Timeout:
        holder = holder_of(place)
        if has_died(folder, place, holder):
            with suppress(
                OSError
            ):  # the lock of a drive without locks; another one ends with its machine, or soon after
                os.remove(os.path.join(place, WITHOUT_FILE))
            with suppress(Timeout):
                lock.acquire(timeout=PATIENCE)
                return lock
        elsewhere = f"; if that one has ended, {removal(folder)}" if of_another_machine(holder) else ""
        raise FolderInUse(
            f"{folder} is in use by another run{who(holder)}; wait until it ends, or give this one another folder{elsewhere}"
        ) from None
    return lock


def _check_other_machine(folder: str, place: str) -> None:
    """Locks of some network drives end at the machine: what another one has left may be a killed run, or one at work."""
    holder = holder_of(place)
    if of_another_machine(holder) and not has_died(folder, place, holder):
        raise FolderInUse(
            f"{folder} may be in use by a run on another machine{who(holder)}, which cannot be seen from here; if it has ended, "
            f"{removal(folder)}, else give this run another folder"
        )


def _forget_holder(place: str) -> None:
    """What an earlier start of this job has left, perhaps on another machine: its launcher has ended it before this one."""
    for name in (HOLDER, WITHOUT_FILE):
        with suppress(OSError):
            os.remove(os.path.join(place, name))


def _by_this_process(folder: str) -> str:
    return f"{folder} is in use by another run of this process ({os.getpid()}); wait until it ends, or give this one another folder"
