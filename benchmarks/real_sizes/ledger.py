"""Time, memory and disk of each pass of a process, of which one is at work at a time: a pass inside another one stops that."""

import os
import resource
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

PERIOD = 0.05  # seconds between two looks at the memory
GIB = 2**30
FIGURES = {"wall_s": 0.0, "cpu_s": 0.0, "peak_anonymous_gib": 0.0, "peak_mapped_gib": 0.0, "cache_mib": 0.0}


class Ledger:
    """Books for one process.

    Args:
        begun: time.monotonic() of the process's start, from which on the first pass is counted.
        first: name of that pass.
        cache: folder whose growth is counted.
    """

    def __init__(self, begun: float, first: str, cache: Path):
        self.passes: dict[str, dict[str, float]] = defaultdict(lambda: dict(FIGURES))
        self._cache, self._stack = cache, [first]
        self._wall, self._cpu, self._bytes = begun, 0.0, folder_size(cache)
        threading.Thread(target=self._watch, daemon=True).start()

    @property
    def now(self) -> str:
        """The pass at work."""
        return self._stack[-1]

    def change_outer(self, name: str) -> None:
        """What is in no pass counts as this one from now on."""
        self._book()
        self._stack[0] = name

    def wrap(self, name: str) -> Callable[[Callable], Callable]:
        """The decorator whose calls, in the main thread, are the pass of that name."""

        def decorate(function: Callable) -> Callable:
            def measured(*args, **options):
                if threading.current_thread() is not threading.main_thread():
                    return function(*args, **options)
                self._book()
                self._stack.append(name)
                try:
                    return function(*args, **options)
                finally:
                    self._book()
                    self._stack.pop()

            return measured

        return decorate

    def close(self) -> dict[str, dict[str, float]]:
        """The figures of all passes, in the order in which they began."""
        self._book()
        return {name: {key: round(value, 4) for key, value in figures.items()} for name, figures in self.passes.items()}

    def _book(self) -> None:
        """What was spent since the last time is the current pass's. Processes that it has started count when they have ended."""
        self._look()
        wall, size = time.monotonic(), folder_size(self._cache)
        usages = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = sum(usage.ru_utime + usage.ru_stime for usage in usages)
        figures = self.passes[self.now]
        figures["wall_s"] += wall - self._wall
        figures["cpu_s"] += cpu - self._cpu
        figures["cache_mib"] += (size - self._bytes) / 2**20
        self._wall, self._cpu, self._bytes = wall, cpu, size

    def _watch(self) -> None:
        while True:
            self._look()
            time.sleep(PERIOD)

    def _look(self) -> None:
        figures, memory = self.passes[self.now], _memory()
        for key, value in (
            ("peak_anonymous_gib", memory["RssAnon"]),
            ("peak_mapped_gib", memory["RssFile"] + memory["RssShmem"]),
        ):
            figures[key] = max(figures[key], value / GIB)


def folder_size(folder: Path) -> int:
    """Bytes on disk of the files below it that have a name."""
    return sum(
        os.lstat(os.path.join(at, file)).st_blocks * 512
        for at, _, files in os.walk(folder)
        for file in files
        if os.path.exists(os.path.join(at, file))
    )


def _memory() -> dict[str, int]:
    """Bytes of this process by kind: its own, of mapped files, shared."""
    lines = (line.split() for line in Path("/proc/self/status").read_text().splitlines())
    return {line[0][:-1]: int(line[1]) * 1024 for line in lines if line[0].startswith("Rss")}
