"""A training's start in a process of its own, measured up to the end of its first step, cold and warm.

Cold: the cache folder is empty. Warm: it is that of the cold start. Of images, either may lie in the system's memory already.
"""

import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from dcac_fastreid.errors import InputError
from real_sizes.decoded import Decoded
from real_sizes.ledger import Ledger, folder_size
from real_sizes.passes import FIRST_STEP, IMPORTS, PASSES, READ_LISTS, REST, missing, replace

ROOT = Path(__file__).parent.parent.parent
# Of a config of the small parts: images as large as the paper's, for which the small encoder has no pre-trained weights.
FULL_SIZE = ["INPUT.SIZE_TRAIN", "[256, 128]", "INPUT.SIZE_TEST", "[256, 128]", "INPUT.PADDING.SIZE", "10"]
FULL_SIZE += ["MODEL.BACKBONE.PRETRAIN", "False"]
REPORT = "report.json"


def measure(data: Path, config: str, opts: Sequence[str], work: Path | None = None) -> dict:
    """Figures of a cold and a warm start of a training on that data root.

    Args: work: folder of the cache, which is kept and must be empty; None: a temporary one.
    """
    if work and work.exists() and any(work.iterdir()):
        raise InputError(f"{work} is not empty, so that a cold start cannot be measured there; name a new folder")
    given = [*FULL_SIZE, "DATASETS.ROOT", str(data.absolute()), *opts]
    with tempfile.TemporaryDirectory() as temporary:
        folder = work or Path(temporary)
        (folder / "cache").mkdir(parents=True)
        started = {kind: _start(folder, config, given) for kind in ("cold", "warm")}
    from dcac_fastreid.profiling.machine import describe_machine  # with PyTorch, whose memory the starts need

    return {"machine": describe_machine(), "config": config, "opts": [*FULL_SIZE, *opts], **started}


def _start(folder: Path, config: str, opts: Sequence[str]) -> dict:
    """One start. What it prints goes to standard error, where progress bars are seen on a terminal."""
    paths = [str(ROOT), str(ROOT / "benchmarks"), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {
        "DCAC_FASTREID_CACHE": str(folder / "cache"),
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
    }
    report = folder / REPORT
    report.unlink(missing_ok=True)
    command = ["train", "--config-file", config, *opts, "OUTPUT_DIR", str(folder / "run")]
    begun = repr(time.monotonic())
    run = subprocess.run(
        [sys.executable, "-m", "real_sizes.start", str(folder), begun, *command], env=environment, stdout=sys.stderr
    )
    if not report.is_file():
        sys.exit(f"the training has not made its first step (status {run.returncode})")
    return json.loads(report.read_text())


def _measured(folder: Path, begun: float, command: Sequence[str]) -> None:
    """In the process of a start: the command, up to its first step; then the report, and the process ends as it is."""
    ledger = Ledger(begun, IMPORTS, folder / "cache")
    import dcac_fastreid.engine.trainer  # noqa: F401  with it, what a training imports
    from dcac_fastreid.commands.main import main
    from real_sizes.data_path import data_path

    numbers, lists, lacking = [IMPORTS, REST, *PASSES], Counter(), missing()
    decoded = Decoded(folder / "decoded", lambda: numbers.index(ledger.now))

    def end(trainer) -> None:
        passes = ledger.close()
        times, by_pass = decoded.counts()
        report = {
            "total_s": round(sum(figures["wall_s"] for figures in passes.values()), 3),
            "total_cpu_s": round(sum(figures["cpu_s"] for figures in passes.values()), 3),
            "passes": passes,
            "images_decoded_so_often": times,
            "decoded_in_pass": {numbers[number]: count for number, count in by_pass.items()},
            "lists_read": lists,
            "training_images": len(trainer.data_loader.dataset),
            "cache_mib": round(folder_size(folder / "cache") / 2**20, 1),
            "functions_not_found": lacking,
            "data_path": data_path(trainer),
        }
        (folder / REPORT).write_text(json.dumps(report))
        sys.stdout.flush()
        os._exit(0)

    replace(READ_LISTS, partial(_behind, lambda data_set, *_: lists.update([type(data_set).__name__])))
    for name, functions in PASSES.items():
        for function in functions:
            replace(function, ledger.wrap(name))
    replace(PASSES[FIRST_STEP][0], partial(_behind, end))
    _book_late_imports(ledger)
    ledger.change_outer(REST)
    main(command)


def _book_late_imports(ledger: Ledger) -> None:
    """Modules that are imported in the middle of a pass, such as diffusers, are imports too."""
    bootstrap = importlib._bootstrap  # where every import of a module that is not there yet goes through
    importing, as_pass = bootstrap._find_and_load, ledger.wrap(IMPORTS)(bootstrap._find_and_load)
    bootstrap._find_and_load = lambda *args: (importing if ledger.now == IMPORTS else as_pass)(*args)


def _behind(then: Callable, function: Callable) -> Callable:
    """The function, which calls another one with its arguments when it has ended."""

    def both(*args, **options):
        result = function(*args, **options)
        then(*args)
        return result

    return both


if __name__ == "__main__":
    _measured(Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3:])
