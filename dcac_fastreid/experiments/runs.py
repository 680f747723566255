"""One training of a setting on a source with a seed: its settings, its folder, its result."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from dcac_fastreid.data.locations import SYNTHETIC, synthetic_seed
from dcac_fastreid.engine import load_config
from dcac_fastreid.errors import InputError
from dcac_fastreid.experiments.fingerprint import fingerprint, first_fingerprint, settings_of
from dcac_fastreid.experiments.protocols import DATASETS, all_targets, config_file
from dcac_fastreid.experiments.results import check_belongs, read_result, write_result
from dcac_fastreid.experiments.rows import ROWS, check_row
from fastreid.config import CfgNode

RESULT = "result.json"
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
        for file in results_below(self.output, self.keys):
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
    keys = keys_of(source, seed, cfg)
    begun = [folder for key in keys if (folder := output / row / key).exists()]
    cfg.OUTPUT_DIR = str((begun or [output / row / keys[0]])[0])
    cfg.freeze()
    return Run(row, source, seed, output, results, cfg, keys[0], keys, given)


def keys_of(source: str, seed: int, cfg: CfgNode) -> tuple[str, ...]:
    """Where a run lies in its row's folder: as it is called today, and as it was called first."""
    return tuple(f"{source}/seed{seed}-{name}" for name in (fingerprint(cfg), first_fingerprint(cfg)) if name)


def results_below(output: Path, keys: Iterable[str]) -> list[Path]:
    """Of the run with one of these keys, under any row's name."""
    return [file for key in keys for file in sorted(output.glob(f"*/{key}/{RESULT}"))]
