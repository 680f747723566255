"""What is left to train for a table, and how long will it take?"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from dcac_fastreid.arguments import as_count
from dcac_fastreid.data.locations import SYNTHETIC
from dcac_fastreid.distributed.join import check_joined
from dcac_fastreid.distributed.launch import check_processes
from dcac_fastreid.engine.preflight import check_inputs
from dcac_fastreid.engine.settings import check_settings
from dcac_fastreid.errors import InputError
from dcac_fastreid.experiments.fingerprint import changes_scores
from dcac_fastreid.experiments.protocols import TableSpec
from dcac_fastreid.experiments.render import as_text, write_table
from dcac_fastreid.experiments.runs import Run, make_run, train
from dcac_fastreid.experiments.shared_training import trained_alike
from dcac_fastreid.experiments.side_by_side import train_side_by_side
from dcac_fastreid.experiments.table import build_table

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
) -> list[Run]:
    """Every run of a table, seed by seed, the rows of a source beside each other; a run may stand there under two rows.

    Args:
        configs: the folder configs/DCAC, or configs/DCAC/synthetic.
        seeds: how many, from 0 on.
        data_seeds: seeds of the synthetic data sets, all runs on each of them; (): on what configs and opts say.
        opts: KEY VALUE pairs for all of them.
        results: see Run.
    Raises: InputError: data_seeds together with DATASETS.ROOT, or one of them twice.
    """
    as_count(seeds, "the number of seeds")
    if data_seeds and ROOT in opts[::2]:
        raise InputError(f"{ROOT} and --data-seeds both say the data set; leave one of them out")
    if len(set(data_seeds)) < len(data_seeds):
        raise InputError(f"--data-seeds has one twice: {', '.join(map(str, data_seeds))}; name each once")
    roots = [[ROOT, f"{SYNTHETIC}{data_seed}"] for data_seed in data_seeds] or [[]]
    return [
        make_run(configs, output, row, source, seed, [*opts, *root], results)
        for root in roots
        for seed in range(seeds)
        for source in spec.sources
        for row in spec.rows
    ]


def restrict(
    runs: Sequence[Run], spec: TableSpec, rows: Collection[str] = (), sources: Collection[str] = ()
) -> list[Run]:
    """The runs of some rows and sources, each training once; of all where none are named.

    Raises: InputError: a row or a source that the table has not.
    """
    for option, asked, known in (("--rows", rows, spec.rows), ("--sources", sources, spec.sources)):
        for name in asked:
            if name not in known:
                raise InputError(f"{option} asks for {name!r}; table {spec.name} has {', '.join(known)}")
    chosen: dict[str, Run] = {}
    for run in runs:
        if run.row in (rows or spec.rows) and run.source in (sources or spec.sources):
            chosen.setdefault(run.key, run)
    return list(chosen.values())


def describe(runs: Iterable[Run]) -> str:
    """A line for each run: done, begun or to train; and how many there are of each."""
    states = [("done" if run.result() else "begun" if run.begun else "to train", run) for run in runs]
    lines = [f"{state:<9}{run}: {run.folder}" for state, run in states]
    counts = [f"{sum(state == name for state, _ in states)} {name}" for name in ("done", "begun", "to train")]
    return "\n".join([*lines, f"{len(states)} runs: {', '.join(counts)}"])


def train_missing(
    runs: Sequence[Run], *, jobs: int = 1, num_gpus: int = 1, command: Callable[[Run], Sequence[str]] | None = None
) -> None:
    """Trains those of the runs that have no result, and prints how far it is.

    Args:
        jobs: trainings at a time; more than one are processes of their own.
        num_gpus: processes that share each training; more than one are started by a process of its own as well.
        command: the words that start such a process of its own.
    Raises:
        FileNotFoundError, InputError: data or weights of any of them are missing or unfit; then nothing was trained.
        InputError: settings with which any of them cannot be trained by so many processes; then nothing was written.
        InputError: a run that cannot be trained; what was finished before stays.
    """
    check_joined()
    as_count(jobs, "the number of trainings at a time")
    results = [(run, run.result()) for run in runs]
    finished = [result for _, result in results if result]
    missing = [run for run, result in results if not result]
    # Those that go on from another's end begin when all others have ended.
    phases = [[run for run in missing if (trained_alike(run.cfg) is None) == itself] for itself in (True, False)]
    # Of each kind one: seeds read the same.
    kinds = list({(run.row, run.source, run.cfg.DATASETS.ROOT): run.cfg for run in missing}.values())
    for cfg in kinds:
        check_processes(num_gpus, on_gpus=cfg.MODEL.DEVICE != "cpu")
        check_settings(cfg, training=True, processes=num_gpus)
    for run in runs:
        run.keep()
    print(f"{len(runs)} runs, {len(finished)} done, {len(missing)} to train", flush=True)
    without = sum(not result["telemetry"] for run, result in results if result and run.cfg.MODEL.DCAC.TELEMETRY)
    if without:
        print(
            f"{without} of the runs that are done have no telemetry, although MODEL.DCAC.TELEMETRY is set: they were trained "
            "without it, and are not trained again for it; another --output would train them with it",
            flush=True,
        )
    for cfg in kinds:
        check_inputs(cfg, training=True)
    here = jobs == num_gpus == 1
    trainings = (_train_here(phase) if here else train_side_by_side(phase, jobs, command, num_gpus) for phase in phases)
    for run in chain.from_iterable(trainings):
        run.keep()
        result = run.result()
        finished.append(result)
        missing.remove(run)
        left = in_words(seconds_left([run.row for run in missing], finished, jobs))
        scores = ", ".join(f"{target} {of_target['mAP']:.1f}" for target, of_target in result["scores"].items())
        print(
            f"[{len(finished)}/{len(runs)}] {run}: mAP {scores}; {in_words(result['seconds'])}, {left} left", flush=True
        )


def seconds_left(rows: Sequence[str], finished: Sequence[dict[str, Any]], jobs: int) -> float:
    """What the runs of these rows will take, from the mean of the finished runs of their row, or else of all."""
    of_all = [result["seconds"] for result in finished]
    total = 0.0
    for row in rows:
        seconds = [result["seconds"] for result in finished if result["row"] == row] or of_all
        total += sum(seconds) / len(seconds)
    return total / jobs


def in_words(seconds: float) -> str:
    """A duration in the unit that suits it."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


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


def _train_here(runs: Sequence[Run]) -> Iterator[Run]:
    for run in runs:
        train(run)
        yield run
