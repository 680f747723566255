"""How much memory may a process take?"""

import os
from pathlib import Path

# Limit, use, and what of the use can be given back at once: of a container, version 2 and 1 of control groups.
CGROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory.stat", "inactive_file"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
        "/sys/fs/cgroup/memory/memory.stat",
        "total_inactive_file",
    ),
)


def available_memory() -> int:
    """Bytes that this process may take without swapping: of the machine, and of the container that it runs in."""
    available = _available_on_the_machine()
    for limit, used, statistics, reclaimable in CGROUPS:
        try:
            # Without a limit the first file says "max", or a number beyond any machine.
            free = int(Path(limit).read_text()) - int(Path(used).read_text())
            entries = dict(line.split() for line in Path(statistics).read_text().splitlines())
            available = min(available, free + int(entries[reclaimable]))
        except (OSError, ValueError):
            continue
    return available


def _available_on_the_machine() -> int:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except OSError:  # not Linux: all of its memory, in use or not
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
