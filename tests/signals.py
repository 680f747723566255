"""Processes that a test starts: which signals they hear, and which of them live."""

import signal
from pathlib import Path


def hear_interrupts() -> None:
    """A shell starts what it puts in the background deaf to them, this suite too; a user's terminal does not."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def descendants(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            found += [child, *descendants(child)]
    return found


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
