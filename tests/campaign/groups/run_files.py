"""The folder of a run with damaged files, and with checkpoints whose entries are odd, when it is resumed or drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from ..case import Case, Ground
from ..ground import BASELINE, training
from .damage import OF_FILES, Gone, copied, of_entries, put
from .values import ENTRIES

FILES = ("model_final.pth", "last_checkpoint", "metrics.json", "stamp.json", "config.yaml")
NAMES = (
    "",
    " ",
    "nowhere.pth",
    "../run/model_final.pth",
    "/etc/passwd",
    "model_final.pth\n\n",
    "a\nb",
    "x" * 300,
    "\x1b[31m",
    "$HOME",
    "~",
    "..",
    "metrics.json",
)
LINES = (
    "null",
    "3",
    "[]",
    "{}",
    '{"iteration": "x"}',
    '{"iteration": NaN}',
    '{"iteration": 1e999}',
    '{"iteration": -5}',
    '{"iteration": 2, "total_loss": NaN}',
    '{"iteration": null}',
    '{"a"',
)


def cases(ground: Ground) -> Iterator[Case]:
    """Of a run that was made."""
    doors = {
        "resume": training(BASELINE, "run", "--resume", "SOLVER.MAX_EPOCH", "2"),
        "again": training(BASELINE, "run"),
    }
    doors["curves"] = ("visualize", "curves", "run", "--output", "out")
    for name in FILES:
        spoils = dict(OF_FILES)
        if name == "stamp.json":
            spoils |= {f"entry {what}": spoil for what, spoil in of_entries(ground.run / name)}
        if name == "last_checkpoint":
            spoils |= {f"name {text[:20]!r}": _text(text) for text in NAMES}
        if name == "metrics.json":
            spoils |= {f"line {line}": _line(line) for line in LINES}
        for what, spoil in spoils.items():
            for door, words in doors.items():
                if (door == "curves") == (name == "metrics.json") or door == "resume":
                    yield Case("runs", f"{name}: {what}, {door}", words, _spoiled(name, spoil))
    for path in _entries(ground.run / "model_final.pth"):
        for value in (*ENTRIES, Gone):
            what = f"{'.'.join(map(str, path))} = {'gone' if value is Gone else repr(value)[:30]}"
            yield Case("checkpoints", what, doors["resume"], _spoiled("model_final.pth", _entry(path, value)))
    for what, opts in OTHER.items():
        yield Case(
            "runs", f"resumed with {what}", (*doors["resume"], *opts), _spoiled("model_final.pth", lambda file: None)
        )


OTHER = {
    "SGD": ("SOLVER.OPT", "SGD"),
    "Lamb": ("SOLVER.OPT", "Lamb"),
    "another schedule": ("SOLVER.SCHED", "CosineAnnealingLR"),
    "fewer epochs": ("SOLVER.MAX_EPOCH", "1"),
    "another batch": ("SOLVER.IMS_PER_BATCH", "8"),
    "another seed": ("SEED", "7"),
    "another loss": ("MODEL.LOSSES.NAME", "('IDLoss',)"),
    "another data set": ("DATASETS.NAMES", "('DG_DukeMTMC',)"),
    "another size": ("INPUT.SIZE_TRAIN", "[32,32]"),
    "another architecture": ("MODEL.META_ARCHITECTURE", "DCAC"),
    "another rate": ("SOLVER.BASE_LR", "1.0"),
    "other decay": ("SOLVER.WEIGHT_DECAY_BIAS", "0.1"),
    "a diverging rate": ("SOLVER.BASE_LR", "1e30"),
}


def _spoiled(name: str, spoil) -> Callable[[Ground], None]:
    return lambda ground: copied(ground.run, name, ground.own / "run", spoil)


def _text(text: str):
    return lambda file: file.write_text(text)


def _line(line: str):
    return lambda file: file.write_text(file.read_text() + line + "\n")


def _entry(path: tuple, value):
    def spoil(file: Path) -> None:
        import torch

        checkpoint = torch.load(file, map_location="cpu")
        put(checkpoint, path, value)
        torch.save(checkpoint, file)

    return spoil


def _entries(file: Path) -> Iterator[tuple]:
    """The entries of a checkpoint, two and three deep; of the weights and the optimizer's states the first ones."""
    import torch

    checkpoint = torch.load(file, map_location="cpu")
    for name, entry in checkpoint.items():
        yield (name,)
        if name == "model":
            yield from ((name, key) for key in list(entry)[:3])
        elif isinstance(entry, dict):
            for key, value in entry.items():
                yield (name, key)
                if isinstance(value, dict):
                    yield from ((name, key, inner) for inner in list(value)[:2])
                elif isinstance(value, list) and value:
                    yield (name, key, 0)
