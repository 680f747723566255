"""Which runs do tables need, each training once?"""

from collections.abc import Collection, Iterable, Sequence
from itertools import chain
from pathlib import Path

from dcac_fastreid.arguments import as_count
from dcac_fastreid.data.locations import SYNTHETIC
from dcac_fastreid.errors import InputError
from dcac_fastreid.experiments.protocols import TableSpec
from dcac_fastreid.experiments.runs import Run, make_run

ROOT = "DATASETS.ROOT"


def runs_of(
    spec: TableSpec,
    configs: Path,
    output: Path,
    *,
    seeds: int,
    data_seeds: Sequence[int] = (),
    opts: Sequence = (),
    results: Path | None = None,
    processes: int = 1,
) -> list[Run]:
    """Every run of a table, seed by seed, the rows of a source beside each other; a run may stand there under two rows.

    Args:
        configs: the folder configs/DCAC, or configs/DCAC/synthetic.
        seeds: how many, from 0 on.
        data_seeds: seeds of the synthetic data sets, all runs on each of them; (): on what configs and opts say.
        opts: KEY VALUE pairs for all of them.
        results: see Run.
        processes: that will train each run.
    Raises: InputError: data_seeds together with DATASETS.ROOT, or one of them twice.
    """
    as_count(seeds, "the number of seeds")
    if data_seeds and ROOT in opts[::2]:
        raise InputError(f"{ROOT} and --data-seeds both say the data set; leave one of them out")
    if len(set(data_seeds)) < len(data_seeds):
        raise InputError(f"--data-seeds has one twice: {', '.join(map(str, data_seeds))}; name each once")
    roots = [[ROOT, f"{SYNTHETIC}{data_seed}"] for data_seed in data_seeds] or [[]]
    return [
        make_run(configs, output, row, source, seed, [*opts, *root], results, processes)
        for root in roots
        for seed in range(seeds)
        for source in spec.sources
        for row in spec.rows
    ]


def restrict(
    runs: Iterable[Sequence[Run]],
    specs: Sequence[TableSpec],
    rows: Collection[str] = (),
    sources: Collection[str] = (),
) -> list[Run]:
    """The runs of some rows and sources, each training once; of all where none are named. The first seed of all tables first.

    Args: runs: of each of the tables.
    Raises: InputError: a row or a source that no table has, or rows that none of them trains on these sources.
    """
    all_rows = list(dict.fromkeys(row for spec in specs for row in spec.rows))
    all_sources = list(dict.fromkeys(source for spec in specs for source in spec.sources))
    for option, asked, known in (("--rows", rows, all_rows), ("--sources", sources, all_sources)):
        for name in asked:
            if name not in known:
                tables = f"table {specs[0].name} has" if len(specs) == 1 else "these tables have"
                raise InputError(f"{option} asks for {name!r}; {tables} {', '.join(known)}")
    chosen: dict[str, Run] = {}
    for run in chain.from_iterable(runs):
        if run.row in (rows or all_rows) and run.source in (sources or all_sources):
            chosen.setdefault(run.key, run)
    if not chosen:
        raise InputError(f"no table trains {', '.join(rows)} on {', '.join(sources)}; leave out --rows or --sources")
    roots = list(dict.fromkeys(run.cfg.DATASETS.ROOT for run in chosen.values()))
    return sorted(chosen.values(), key=lambda run: (roots.index(run.cfg.DATASETS.ROOT), run.seed))
