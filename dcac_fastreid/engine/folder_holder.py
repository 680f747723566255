"""Who holds a run's folder, or has held it until it was killed? A note beside the lock tells, also to other machines.

Locks of some network drives end at the machine, and those of others outlive it: a run of another machine is taken for dead when it
no longer touches its note (see heartbeat.py).
"""

import logging
import os
import shlex
import socket
from pathlib import Path

from dcac_fastreid.engine.heartbeat import BEAT, SILENCE, falls_silent
from dcac_fastreid.json_files import read_object
from dcac_fastreid.warn_once import warn_once

LOCK = "run.lock"  # stays when a run ends: another one may be waiting for this very file
HOLDER = "run.lock.json"  # removed when a run ends; a killed one leaves it
BOOT = Path("/proc/sys/kernel/random/boot_id")  # of the machine, the same in all of its containers
logger = logging.getLogger("fastreid.dcac")


def own_note(since: str) -> dict:
    return {"host": socket.gethostname(), "boot": _boot(), "process": os.getpid(), "since": since, "beat": BEAT}


def holder_of(place: str) -> dict:
    """Who holds the folder, or has held it until it was killed; {} where that is not told, or damaged."""
    try:
        return read_object(Path(place, HOLDER)) or {}
    except OSError:
        return {}


def who(holder: dict) -> str:
    if not holder:
        return ""
    process, host, since = (str(holder.get(key, "?"))[:64] for key in ("process", "host", "since"))
    return f" (process {process} on {host}, since {since})"


def of_another_machine(holder: dict) -> bool:
    if "host" not in holder or holder["host"] == socket.gethostname():
        return False
    return not _boot() or holder.get("boot") != _boot()  # each container of a machine has a name of its own


def has_died(folder: str, place: str, holder: dict) -> bool:
    """Whether a run of another machine touches its file no more; one of an earlier version never has, and may live."""
    if not of_another_machine(holder) or "beat" not in holder:
        return False
    warn_once(
        f"{folder} is held by a run on another machine{who(holder)}; watching for {SILENCE:.0f} seconds whether it lives"
    )
    if not falls_silent(Path(place, HOLDER)):
        return False
    logger.warning(f"{folder}: the run on {holder['host']} has given no sign of life; this one goes on with it")
    return True


def removal(folder: str) -> str:
    return f"remove its lock (rm {shlex.quote(str(folder))}/{LOCK}*) and start again"


def _boot() -> str:
    try:
        return BOOT.read_text().strip()
    except OSError:  # not Linux
        return ""
