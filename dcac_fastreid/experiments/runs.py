"""One training of a row on a source with a seed: its settings, its folder, its result."""

import hashlib
import json
import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from dcac_fastreid import data
from dcac_fastreid.checkpoint import marks
from dcac_fastreid.data.locations import SYNTHETIC
from dcac_fastreid.engine import DCACTrainer, load_config
from dcac_fastreid.engine.stamp import FILE as STAMP
from dcac_fastreid.errors import InputError
from dcac_fastreid.experiments.protocols import DATASETS, all_targets, config_file
from dcac_fastreid.experiments.rows import ROWS, check_row
from dcac_fastreid.experiments.shared_training import take_over, trained_alike
from dcac_fastreid.output_files import write_whole
from dcac_fastreid.waiting import held
from fastreid.config import CfgNode

RESULT = "result.json"
OF_A_RESULT = {"row": str, "source": str, "seed": int, "scores": dict, "seconds": float | int, "telemetry": dict}
SCORES = ("mAP", "Rank-1", "mINP")
# Where a run lies and is computed, how its pictures are loaded, what it saves and logs on the way: no part of its settings.
# All but MODEL.DEVICE leave every number as it is. CPU and GPU do not compute the same bits, so that scores may differ; a
# result is taken from either all the same, its stamp tells the device, and a table that mixes them says so.
WITHOUT_EFFECT = (
    "OUTPUT_DIR", "MODEL.DEVICE", "DATALOADER.NUM_WORKERS", "DATALOADER.CACHE_IMAGES", "SOLVER.CHECKPOINT_PERIOD",
    "SOLVER.CHECKPOINT_STEPS", "MODEL.DCAC.TELEMETRY",
)  # fmt: skip
# What only the diffusion branch reads. So a baseline serves every setting of DCAC.
OF_DCAC = ("MODEL.DCAC", "SOLVER.PROMPTS_LR_FACTOR", "SOLVER.LORA_LR_FACTOR")
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
        cfg: with this run's folder as OUTPUT_DIR.
        key: equal for runs that are the same training, whatever their rows are called.
        opts: values of the keys that were given as KEY VALUE pairs, where they can change a score of this run.
    """

    row: str
    source: str
    seed: int
    output: Path
    cfg: CfgNode
    key: str
    opts: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.row} on {self.source}, seed {self.seed}"

    @property
    def folder(self) -> Path:
        return Path(self.cfg.OUTPUT_DIR)

    @property
    def begun(self) -> bool:
        """Whether a checkpoint is there to go on from."""
        return (self.folder / "last_checkpoint").exists()

    def result(self) -> dict[str, Any] | None:
        """What the finished training has written, under this row's name; None where none is finished.

        Raises: InputError: the file is damaged.
        """
        for file in _results(self.output, self.key):
            return {**_read_result(file), "row": self.row}
        return None


def make_run(configs: Path, output: Path, row: str, source: str, seed: int, opts: Sequence = ()) -> Run:
    """The run with its settings.

    Args:
        configs: the folder configs/DCAC, or configs/DCAC/synthetic.
        opts: KEY VALUE pairs, below what the row itself says.
    Raises: InputError: an unknown row, or a key that the table itself says.
    """
    check_row(row)
    for key in opts[::2]:
        if key in OF_THE_TABLE:
            raise InputError(f"{key} cannot be given here, it is said by {OF_THE_TABLE[key]}; leave the pair out")
    of_row = [word for pair in ROWS[row].settings.items() for word in pair]
    tests = tuple(DATASETS[target] for target in all_targets(source))
    file = str(configs / config_file(source))
    cfg = load_config(file, [*opts, *of_row, "DATASETS.TESTS", tests, "SEED", seed]).clone()
    cfg.defrost()
    cfg.TEST.EVAL_PERIOD = cfg.SOLVER.MAX_EPOCH  # no look at a target before the last epoch
    settings = _settings(cfg)
    given = {key: settings[key] for key in opts[::2] if key in settings}
    key = _key(source, seed, cfg)
    cfg.OUTPUT_DIR = str(output / row / key)
    cfg.freeze()
    return Run(row, source, seed, output, cfg, key, given)


def fingerprint(cfg: CfgNode) -> str:
    """Ten hexadecimal digits that differ where a setting differs that can change a score."""
    settings = _settings(cfg)
    if any(str(value).startswith(SYNTHETIC) for value in settings.values()):
        settings["synthetic"] = data.synthetic_version()
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:10]


def changes_scores(key: str) -> bool:
    """Whether a key can change a score of any run."""
    return not _within(key, WITHOUT_EFFECT)


def train(run: Run) -> dict[str, Any]:
    """Trains in this process, from the run's last checkpoint on, and tests the last epoch on all of its targets.

    Where the result is there it is only read; where another process trains this run, it is waited for. Where a finished run has
    had the same training, this one goes on from its end.

    Returns: the content of result.json, which is written at the very end. Its seconds are those since the last interruption.
    """
    run.folder.mkdir(parents=True, exist_ok=True)
    # Beside the lock of the trainer, which refuses: here a second one waits, and finds the result.
    with held(FileLock(run.folder / "result.lock"), f"training {run}"):
        if result := run.result():
            return result
        begun = time.perf_counter()
        evaluators, tests = {}, run.cfg.DATASETS.TESTS
        found = _marks(run.cfg.MODEL.WEIGHTS, tests)  # now: the file may be gone when the training ends
        with _log_in(run.folder / "log.txt"):
            if (alike := trained_alike(run.cfg)) and not run.begun:
                for file in _results(run.output, _key(run.source, run.seed, alike)):
                    take_over(file.parent, run.folder)
            trainer = _recording(evaluators)(run.cfg)
            trainer.resume_or_load(resume=True)
            scores = trainer.train()
        if len(tests) == 1:  # then fast-reid gives its scores alone
            scores = {tests[0]: scores}
        short = {dataset: name for name, dataset in DATASETS.items()}
        result = {
            "row": run.row,
            "source": run.source,
            "seed": run.seed,
            "scores": {short[test]: {name: _rounded(scores[test][name]) for name in SCORES} for test in tests},
            "queries": {
                short[test]: {name: [_rounded(value) for value in values] for name, values in of_queries.items()}
                for test, of_queries in ((test, evaluators[test].of_queries) for test in tests)
            },
            "stamp": json.loads((run.folder / STAMP).read_text()),
            "opts": run.opts,
            "marks": found,
            "seconds": _rounded(time.perf_counter() - begun),
            "telemetry": _telemetry(run.folder / "metrics.json"),
        }
        write_whole(run.folder / RESULT, lambda stream: stream.write(json.dumps(result).encode()))
        return result


def _key(source: str, seed: int, cfg: CfgNode) -> str:
    return f"{source}/seed{seed}-{fingerprint(cfg)}"


def _results(output: Path, key: str) -> list[Path]:
    return sorted(output.glob(f"*/{key}/{RESULT}"))


def _read_result(file: Path) -> dict[str, Any]:
    """What `train` has written. Raises InputError: it is damaged."""
    try:
        result = json.loads(file.read_text())
        fits = all(isinstance(result[name], form) for name, form in OF_A_RESULT.items())
    except (ValueError, KeyError, TypeError, RecursionError):
        fits = False
    if not fits:
        raise InputError(f"{file} is no result of a training, or damaged; remove it, and the run is trained again")
    return result


def _recording(evaluators: dict) -> type[DCACTrainer]:
    """A trainer that leaves its evaluators here, by data set: they know what each query scored."""

    class Recording(DCACTrainer):
        @classmethod
        def build_evaluator(cls, cfg, dataset_name, output_dir=None):
            loader, evaluators[dataset_name] = super().build_evaluator(cfg, dataset_name, output_dir)
            return loader, evaluators[dataset_name]

    return Recording


def _settings(cfg: CfgNode) -> dict[str, Any]:
    """Dotted key -> value, of what can change a score of this run."""
    ignored = WITHOUT_EFFECT if cfg.MODEL.META_ARCHITECTURE == "DCAC" else WITHOUT_EFFECT + OF_DCAC
    return {key: value for key, value in _leaves(cfg) if not _within(key, ignored)}


def _within(key: str, names: Iterable[str]) -> bool:
    return any(key == name or key.startswith(name + ".") for name in names)


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


def _leaves(node: Mapping, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in node.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


@contextmanager
def _log_in(file: Path):
    """fast-reid's log goes to a file, and not between the lines of the progress."""
    logger = logging.getLogger("fastreid")
    before = logger.level, logger.propagate, logger.handlers
    handler = logging.FileHandler(file)
    handler.setFormatter(logging.Formatter("[%(asctime)s] %(name)s %(levelname)s: %(message)s", "%m/%d %H:%M:%S"))
    logger.level, logger.propagate, logger.handlers = logging.INFO, False, [handler]
    try:
        yield
    finally:
        logger.level, logger.propagate, logger.handlers = before
        handler.close()
