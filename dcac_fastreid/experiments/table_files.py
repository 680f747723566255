"""The files of a table: what are they called, and which results are in them?"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from dcac_fastreid.experiments.fingerprint import changes_scores
from dcac_fastreid.experiments.protocols import TableSpec
from dcac_fastreid.experiments.render import as_text, write_table
from dcac_fastreid.experiments.runs import Run
from dcac_fastreid.experiments.table import build_table


def stem(spec: TableSpec, opts: Sequence = (), *, synthetic: bool, data_seeds: Sequence[int] = ()) -> str:
    """The name of a table's files: another one for other data sets, and for each set of pairs that can change a score."""
    name = f"table-{spec.name}" + "-synthetic" * synthetic + "".join(f"-{seed}" for seed in data_seeds)
    pairs = {key: value for key, value in zip(opts[::2], opts[1::2], strict=True) if changes_scores(key)}
    if pairs:
        text = " ".join(f"{key} {pairs[key]}" for key in sorted(pairs))
        name += "-" + hashlib.sha256(text.encode()).hexdigest()[:6]
    return name


def write(spec: TableSpec, runs: Sequence[Run], folder: Path, stem: str, *, published: bool, command: str) -> str:
    """Writes the table of all runs that are finished; returns it as text, with the files that hold it.

    Args:
        published: whether the paper's numbers stand beside ours, as on its own data sets.
        command: that makes the table again.
    """
    table = build_table(spec, [result for run in runs if (result := run.result())], published=published)
    files = write_table(table, folder, stem, command)
    return f"{as_text(table)}\n\n" + "\n".join(str(file) for file in files)
