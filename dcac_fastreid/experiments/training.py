"""A run of a table is trained and tested, by one process or by several, and its result is written."""

import json
import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from filelock import FileLock

from dcac_fastreid.checkpoint import marks
from dcac_fastreid.distributed.shared_work import processes_of_job
from dcac_fastreid.distributed.turns import wait_for_all
from dcac_fastreid.engine import DCACTrainer
from dcac_fastreid.engine.run_folder import NO_LOCKS, Claim, FolderInUse, take
from dcac_fastreid.engine.run_metadata import FILE as RUN_METADATA
from dcac_fastreid.experiments.protocols import DATASETS
from dcac_fastreid.experiments.results import rounded_ap, write_result
from dcac_fastreid.experiments.runs import RESULT, Run, keys_of, results_below
from dcac_fastreid.experiments.shared_training import take_over, trained_alike
from dcac_fastreid.waiting import held
from fastreid.utils import comm

SCORES = ("mAP", "Rank-1", "mINP")
LOOK = 5.0  # seconds between two looks at a folder that another machine has
logger = logging.getLogger("fastreid.dcac")


def train(run: Run) -> dict[str, Any]:
    """Trains in this process, from the run's last checkpoint on, and tests the last epoch on all of its targets.

    Where the result is there it is only read; where another process trains this run, it is waited for. Where a finished run has
    had the same training, this one goes on from its end.

    Several processes that have joined train it together. The first alone holds the folder, reads and writes.

    Returns: the content of result.json, which is written at the very end. Its seconds are those since the last interruption.
    """
    processes = processes_of_job()
    with _held_by_first(run):
        if result := processes.of_first(run.result):
            return result
        begun = time.perf_counter()
        evaluators, tests = {}, run.cfg.DATASETS.TESTS
        found = _marks(run.cfg.MODEL.WEIGHTS, tests)  # now: the file may be gone when the training ends
        with _log_in(run.folder / "log.txt"):
            if comm.is_main_process():
                _take_over_alike(run)
            wait_for_all()
            trainer = _recording(evaluators)(run.cfg)
            trainer.resume_or_load(resume=True)
            scores = trainer.train()
        if len(tests) == 1:  # then fast-reid gives its scores alone
            scores = {tests[0]: scores}
        return processes.of_first(lambda: _written(run, scores, evaluators, found, time.perf_counter() - begun))


@contextmanager
def _held_by_first(run: Run) -> Iterator[None]:
    """Beside the lock of the trainer, which refuses: here a second one waits, and finds the result.

    Locks of some drives end at the machine: of another machine that trains this run the trainer's own lock tells, see
    run_folder.py, and whether it still lives.
    """
    if not comm.is_main_process():
        yield
        return
    run.folder.mkdir(parents=True, exist_ok=True)
    with _one_at_a_time(run):
        claim = _taken_when_free(run)
        try:
            yield
        finally:
            if claim:  # the trainer has it from here, unless it was never made
                claim.release()


def _one_at_a_time(run: Run) -> AbstractContextManager:
    lock = FileLock(run.folder / "result.lock", fallback_to_soft=False)
    try:
        return held(lock, f"training {run}")
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        return nullcontext()


def _taken_when_free(run: Run) -> Claim | None:
    """None where the other one has finished the run meanwhile."""
    waits = False
    while run.result() is None:
        try:
            return take(str(run.folder))
        except FolderInUse as error:
            if not waits:
                logger.warning(f"{error}; waiting for it")
            waits = True
            time.sleep(LOOK)
    return None


def _take_over_alike(run: Run) -> None:
    if (alike := trained_alike(run.cfg)) and not run.begun:
        for file in results_below(run.output, keys_of(run.source, run.seed, alike)):
            take_over(file.parent, run.folder)


def _written(run: Run, scores: Mapping, evaluators: Mapping, found: Mapping, seconds: float) -> dict[str, Any]:
    """The content of result.json, which is written. Args: scores, evaluators: by data set."""
    tests, short = run.cfg.DATASETS.TESTS, {dataset: name for name, dataset in DATASETS.items()}
    metadata = json.loads((run.folder / RUN_METADATA).read_text())
    result = {
        "row": run.row,
        "source": run.source,
        "seed": run.seed,
        "data_seed": (metadata["drawn_world"] or {}).get("seed"),
        "fingerprint": run.key.rpartition("-")[2],
        "scores": {short[test]: {name: _rounded(scores[test][name]) for name in SCORES} for test in tests},
        "queries": {short[test]: _of_queries(evaluators[test].of_queries) for test in tests},
        "stamp": metadata,
        "opts": run.opts,
        "marks": found,
        "seconds": _rounded(seconds),
        "telemetry": _telemetry(run.folder / "metrics.json"),
    }
    write_result(run.folder / RESULT, result)
    return result


def _of_queries(of_queries: Mapping[str, Iterable]) -> dict[str, list]:
    """AP and Rank-1 in per cent, and the person, of each query that has a match."""
    return {
        "AP": rounded_ap(of_queries["AP"]),
        "Rank-1": [float(value) for value in of_queries["Rank-1"]],
        "person": [int(person) for person in of_queries["person"]],
    }


def _recording(evaluators: dict) -> type[DCACTrainer]:
    """A trainer that leaves its evaluators here, by data set: they know what each query scored."""

    class Recording(DCACTrainer):
        @classmethod
        def build_evaluator(cls, cfg, dataset_name, output_dir=None):
            loader, evaluators[dataset_name] = super().build_evaluator(cfg, dataset_name, output_dir)
            return loader, evaluators[dataset_name]

    return Recording


def _marks(weights: str, tests: Iterable[str]) -> dict[str, list[str]]:
    """Target, by its short name -> the sentences about its own scores; a target without any is left out."""
    short = {dataset: name for name, dataset in DATASETS.items()}
    return {short[test]: sentences for test in tests if (sentences := marks(weights, (test,)))}


def _telemetry(metrics: Path) -> dict[str, float]:
    """Of everything that metrics.json has under "telemetry/", by its name there: the mean over the second half of its samples.

    A single sample is noisy: it is one step, with its batch and its timesteps. The first half is another time, in which the
    learning rate warms up. Rounded to 4 significant digits: a ratio of gradients may be 1e-5.
    """
    samples: dict[
        str, dict[int, float]
    ] = {}  # by iteration: what an interrupted run has repeated counts once, the later
    for line in metrics.read_text().splitlines():
        content = json.loads(line)
        for name, value in content.items():
            if name.startswith("telemetry/"):
                samples.setdefault(name, {})[content["iteration"]] = value
    means = {}
    for name, of_steps in samples.items():
        second_half = [of_steps[step] for step in sorted(of_steps)][len(of_steps) // 2 :]
        means[name] = float(f"{sum(second_half) / len(second_half):.4g}")
    return means


def _rounded(value: float) -> float:
    return round(float(value), 4)


@contextmanager
def _log_in(file: Path):
    """fast-reid's log, that of the first process, goes to a file, and not between the lines of the progress."""
    logger = logging.getLogger("fastreid")
    before = logger.level, logger.propagate, logger.handlers
    handler = logging.FileHandler(file) if comm.is_main_process() else logging.NullHandler()
    handler.setFormatter(logging.Formatter("[%(asctime)s] %(name)s %(levelname)s: %(message)s", "%m/%d %H:%M:%S"))
    logger.level, logger.propagate, logger.handlers = logging.INFO, False, [handler]
    try:
        yield
    finally:
        logger.level, logger.propagate, logger.handlers = before
        handler.close()
