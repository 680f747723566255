"""A dry run of `reproduce --table all`: every run of the paper's tables, from an empty folder, killed twice, in a few minutes.

The configs are those of the real data sets, as they are shipped, and the folders are called as theirs. Images are few, pre-trained
parts small, and trainings an epoch of two steps long. `make dry-run` runs it; all files but the logs lie in a temporary folder.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import dcac_fastreid  # first: it makes fast-reid importable, and an import that is interrupted quiet

# isort: split

from dcac_fastreid.experiments.protocols import OF_PAPER
from dcac_fastreid.synthetic.data_set import make_data_set
from dcac_fastreid.synthetic.domains import Counts

ROOT = Path(__file__).parent.parent
LOGS = Path("logs") / "dry_run"
COUNTS = Counts(train_ids=4, train_images=4, test_ids=4, queries=1, gallery=4)
RUNS = 40
SMALL = {
    "MODEL.BACKBONE.FEAT_DIM": 128, "MODEL.BACKBONE.PRETRAIN_PATH": "synthetic:clip", "MODEL.CLIP.ARCH": "synthetic-ViT-16",
    "MODEL.DCAC.DIFFUSION.WEIGHTS": "synthetic:stable-diffusion", "MODEL.DCAC.DIFFUSION.SIZE": "[64, 64]",
    "INPUT.SIZE_TRAIN": "[128, 64]", "INPUT.SIZE_TEST": "[128, 64]", "DATALOADER.NUM_WORKERS": 0,
    "SOLVER.IMS_PER_BATCH": 8, "SOLVER.MAX_EPOCH": 1, "SOLVER.CHECKPOINT_STEPS": 1,
}  # fmt: skip


class Failed(Exception):
    """What went otherwise, and where the log is."""


class Rehearsal:
    """The commands, one after the other, on one folder.

    Args: folder: empty. logs: where each command's output goes.
    """

    def __init__(self, folder: Path, logs: Path):
        self._folder, self._logs, self._output = folder, logs, folder / "out"
        logs.mkdir(parents=True, exist_ok=True)

    def run(self) -> None:
        """Raises Failed."""
        missing = self._ended("missing", status=2)
        self._expect("missing", missing.count("\n  - ") == 4, "lists not the four data sets that are missing")
        make_data_set(self._folder / "datasets", 0, counts=COUNTS)
        self._ended("plan", "--dry-run")
        self._expect("plan", not self._output.exists(), "has written something")
        self._killed("killed-1", lambda: self._half_trained() and len(self._results()) >= 3)
        first = self._results()
        self._killed("killed-2", lambda: len(self._results()) >= len(first) + 2, "--jobs", "2")
        second = self._results()
        self._ended("to-the-end")
        self._check_end(first, second)

    def _check_end(self, first: dict[Path, int], second: dict[Path, int]) -> None:
        last = self._results()
        self._expect("to-the-end", len(last) == RUNS, f"has left {len(last)} results instead of {RUNS}")
        untouched = first.items() <= second.items() <= last.items()
        self._expect("to-the-end", untouched, "has trained again what was finished before a kill")
        for table in OF_PAPER:
            # The pairs that make the parts small are in the name.
            files = list((self._output / "tables").glob(f"table-{table}-*"))
            kinds = {file.suffix for file in files}
            self._expect(
                "to-the-end", {".txt", ".md", ".json", ".html"} <= kinds, f"has made of table {table} only {kinds}"
            )
            text = next(file for file in files if file.suffix == ".txt").read_text()
            self._expect("to-the-end", "not run" not in text, f"has left cells of table {table} empty")

    def _results(self) -> dict[Path, int]:
        """Of finished runs, and when each was written."""
        return {file: file.stat().st_mtime_ns for file in self._output.glob("*/*/*/result.json")}

    def _half_trained(self) -> bool:
        """Whether a run has a checkpoint and no result."""
        return any(not (file.parent / "result.json").exists() for file in self._output.glob("*/*/*/last_checkpoint"))

    def _killed(self, name: str, when: Callable[[], bool], *options: str) -> None:
        process = self._start(name, options)
        while process.poll() is None and not when():
            time.sleep(0.02)
        self._expect(name, process.poll() is None, "has ended before it was killed")
        process.send_signal(signal.SIGKILL)
        process.wait()

    def _ended(self, name: str, *options: str, status: int = 0) -> str:
        """Runs to the end; returns what it has written."""
        found = self._start(name, options).wait()
        self._expect(name, found == status, f"has ended with status {found}, expected {status}")
        return self._log(name).read_text()

    def _start(self, name: str, options: Sequence[str]) -> subprocess.Popen:
        pairs = [str(word) for pair in SMALL.items() for word in pair]
        asked = ["--table", "all", "--seeds", "1", "--output", str(self._output), *options]
        environment = {
            **os.environ,
            "DCAC_FASTREID_CACHE": str(self._folder / "cache"),
            "FASTREID_DATASETS": str(self._folder / "datasets"),
            "OMP_NUM_THREADS": "1",  # in parts so small a second thread only waits
        }
        with open(self._log(name), "w") as stream:
            words = [sys.executable, str(ROOT / "tools" / "reproduce.py"), *asked, *pairs]
            return subprocess.Popen(words, stdout=stream, stderr=stream, env=environment)

    def _log(self, name: str) -> Path:
        return self._logs / f"reproduce-{name}.txt"

    def _expect(self, name: str, holds: bool, otherwise: str) -> None:
        if not holds:
            raise Failed(f"{name!r} {otherwise}; its log is {self._log(name)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Dry run of all trainings of the paper's tables, with small parts")
    with dcac_fastreid.one_sentence_errors():
        parser.parse_args()
        begin = time.perf_counter()
        try:
            with tempfile.TemporaryDirectory(prefix="dcac-dry-run-", ignore_cleanup_errors=True) as folder:
                Rehearsal(Path(folder), LOGS).run()
        except Failed as failure:
            print(f"error: the dry run failed: {failure}", file=sys.stderr)
            sys.exit(1)
        print(f"{RUNS} runs, killed twice, and {len(OF_PAPER)} tables in {time.perf_counter() - begin:.0f} s")
