"""A wrong input of tools/train_net.py: what is said of it, and what must be made before."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent.parent
DCAC = "synthetic/ma_d.yml"


@dataclass(frozen=True)
class Case:
    """args: after --config-file; {tmp} is the test's folder. starts: the run begins before the fault is met."""

    name: str
    message: str  # all words that tell what, got, expected
    args: str = ""
    arrange: Callable[[Path, Path], None] | None = None  # of the test's folder and its copy of the synthetic data set
    config: str = "synthetic/baseline/ma_d.yml"
    starts: bool = False
    without_gpu: bool = False  # right input where there is a GPU


def command(case: Case, tmp: Path, data_root: Path) -> list[str]:
    config = case.config.format(tmp=tmp)
    own = case.args.format(tmp=tmp).split()
    options = [word for word in own if word.startswith("--") or own[own.index(word) - 1] == "--num-gpus"]
    settings = [word for word in own if word not in options]
    tiny = ["DATASETS.ROOT", data_root, "SOLVER.IMS_PER_BATCH", 16, "SOLVER.MAX_EPOCH", 1, "OUTPUT_DIR", tmp / "out"]
    file = config if Path(config).is_absolute() else ROOT / "configs" / "DCAC" / config
    return [*map(str, ("--config-file", file, *options, *tiny)), *settings]


def write(name: str, text: str):
    return lambda tmp, data_root: (tmp / name).write_text(text)
