"""One training of a setting on a source with a seed: its settings, its folder, its result."""

import json
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from filelock import FileLock

from dcac_fastreid.checkpoint import marks
from dcac_fastreid.data.locations import SYNTHETIC, synthetic_seed
from dcac_fastreid.distributed.shared_work import processes_of_job
from dcac_fastreid.distributed.turns import wait_for_all
from dcac_fastreid.engine import DCACTrainer, load_config
from dcac_fastreid.engine.run_metadata import FILE as RUN_METADATA
from dcac_fastreid.errors import InputError
from dcac_fastreid.experiments.fingerprint import fingerprint, first_fingerprint, settings_of
from dcac_fastreid.experiments.protocols import DATASETS, all_targets, config_file
from dcac_fastreid.experiments.results import check_belongs, read_result, rounded_ap, write_result
from dcac_fastreid.experiments.rows import ROWS, check_row
from dcac_fastreid.experiments.shared_training import take_over, trained_alike
from dcac_fastreid.waiting import held
from fastreid.config import CfgNode
from fastreid.utils import comm

RESULT = "result.json"
SCORES = ("mAP", "Rank-1", "mINP")
# What the table says, and KEY VALUE pairs must not.
OF_THE_TABLE = {
    "SEED": "--seeds", "OUTPUT_DIR": "--output", "DATASETS.NAMES": "--sources", "DATASETS.TESTS": "--table",
    "TEST.EVAL_PERIOD": "--table, by the last epoch alone",
}  # fmt: skip


@dataclass(frozen=True)
class Run:
    """A training before, during or after it.

    Attributes:
        source: the paper's short name, "MA", or several, "MA+D+C3".
        output: the folder of all runs.
        results: a folder of results that were kept, from this or another machine; None: there is none.
        cfg: with this run's folder as OUTPUT_DIR.
        key: equal for runs that are the same training, whatever their rows are called.
        keys: under which such a run may lie: its key, and what it was called while fingerprints had the defaults in them.
        opts: values of the keys that were given as KEY VALUE pairs, where they can change a score of this run.
    """

    row: str
    source: str
    seed: int
    output: Path
    results: Path | None
    cfg: CfgNode
    key: str
    keys: tuple[str, ...]
    opts: Mapping[str, Any]

    def __str__(self) -> str:
        root = str(self.opts.get("DATASETS.ROOT", ""))
        return f"{self.row} on {self.source}, seed {self.seed}" + f", {root}" * root.startswith(SYNTHETIC)

    @property
    def folder(self) -> Path:
        return Path(self.cfg.OUTPUT_DIR)

    @property
    def begun(self) -> bool:
        """Whether a checkpoint is there to go on from."""
        return (self.folder / "last_checkpoint").exists()

    def result(self) -> dict[str, Any] | None:
        """What the finished training has written, under this row's name; None where none is finished.

        Raises: InputError: the file is damaged, or one in the folder of results is of another run.
        """
        for file in _results(self.output, self.keys):
            return {**read_result(file), "row": self.row}
        kept = [self.results.glob(f"*/{key}.json") for key in self.keys if self.results]
        for file in chain(*map(sorted, kept)):
            result = read_result(file)
            check_belongs(file, result, self._entries())
            return {**result, "row": self.row}
        return None

    def _entries(self) -> dict[str, tuple]:
        """What a result of this run has in some of its entries: one of these values each."""
        entries = {"source": (self.source,), "seed": (self.seed,)}
        entries["fingerprint"] = tuple(key.rpartition("-")[2] for key in self.keys)
        data_seed = synthetic_seed(self.cfg.DATASETS.ROOT)
        return entries if data_seed is None else {**entries, "data_seed": (data_seed,)}

    def keep(self) -> None:
        """Puts the result, where there is one, into the folder of results as well; not one without the queries' people."""
        if not self.results or any(self.results.glob(f"*/{self.key}.json")):
            return
        result = self.result()
        if result and all("person" in of_target for of_target in result["queries"].values()):
            write_result(self.results / self.row / f"{self.key}.json", result)


def make_run(
    configs: Path,
    output: Path,
    row: str,
    source: str,
    seed: int,
    opts: Sequence = (),
    results: Path | None = None,
    processes: int = 1,
) -> Run:
    """The run with its settings.

    Args:
        configs: the folder configs/DCAC, or configs/DCAC/synthetic.
        opts: KEY VALUE pairs, below what the row itself says; its learning rate is a factor of the one that is given here.
        processes: that will train it.
    Raises: InputError: an unknown row, or a key that the table itself says.
    """
    check_row(row)
    for key in opts[::2]:
        if key in OF_THE_TABLE:
            raise InputError(f"{key} cannot be given here, it is said by {OF_THE_TABLE[key]}; leave the pair out")
    of_row = [word for pair in ROWS[row].settings.items() for word in pair]
    tests = tuple(DATASETS[target] for target in all_targets(source))
    file = str(configs / config_file(source))
    cfg = load_config(file, [*opts, *of_row, "DATASETS.TESTS", tests, "SEED", seed], processes=processes).clone()
    cfg.defrost()
    cfg.SOLVER.BASE_LR = ROWS[row].base_lr(cfg.SOLVER.BASE_LR)
    cfg.TEST.EVAL_PERIOD = cfg.SOLVER.MAX_EPOCH  # no look at a target before the last epoch
    settings = settings_of(cfg)
    given = {key: settings[key] for key in opts[::2] if key in settings}
    keys = _keys(source, seed, cfg)
    begun = [folder for key in keys if (folder := output / row / key).exists()]
    cfg.OUTPUT_DIR = str((begun or [output / row / keys[0]])[0])
    cfg.freeze()
    return Run(row, source, seed, output, results, cfg, keys[0], keys, given)


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


def _held_by_first(run: Run) -> AbstractContextManager:
    """Beside the lock of the trainer, which refuses: here a second one waits, and finds the result."""
    if not comm.is_main_process():
        return nullcontext()
    run.folder.mkdir(parents=True, exist_ok=True)
    return held(FileLock(run.folder / "result.lock"), f"training {run}")


def _take_over_alike(run: Run) -> None:
    if (alike := trained_alike(run.cfg)) and not run.begun:
        for file in _results(run.output, _keys(run.source, run.seed, alike)):
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


def _keys(source: str, seed: int, cfg: CfgNode) -> tuple[str, ...]:
    """Where a run lies in its row's folder: as it is called today, and as it was called first."""
    return tuple(f"{source}/seed{seed}-{name}" for name in (fingerprint(cfg), first_fingerprint(cfg)) if name)


def _results(output: Path, keys: Iterable[str]) -> list[Path]:
    """Of the run with one of these keys, under any row's name."""
    return [file for key in keys for file in sorted(output.glob(f"*/{key}/{RESULT}"))]


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
