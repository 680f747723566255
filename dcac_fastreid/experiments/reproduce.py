"""What is left to train for tables, and how far is it?"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from dcac_fastreid.arguments import as_count
from dcac_fastreid.experiments.cost import Pace
from dcac_fastreid.experiments.runs import Run
from dcac_fastreid.experiments.shared_training import trained_alike
from dcac_fastreid.experiments.side_by_side import train_side_by_side
from dcac_fastreid.experiments.training import train
from dcac_fastreid.quantities import duration


def split(runs: Iterable[Run]) -> tuple[list[tuple[Run, dict[str, Any]]], list[Run]]:
    """Those that are finished, with their results, and those that are missing. Raises: InputError: as `Run.result`."""
    results = [(run, run.result()) for run in runs]
    return [(run, result) for run, result in results if result], [run for run, result in results if not result]


def describe(runs: Iterable[Run]) -> str:
    """A line for each run: done, begun or to train."""
    states = [("done" if run.result() else "begun" if run.begun else "to train", run) for run in runs]
    return "\n".join(f"{state:<9}{run}: {run.folder}" for state, run in states)


def count(runs: Sequence[Run]) -> str:
    """How many there are, and how many of them are done, begun and to train."""
    states = ["done" if run.result() else "begun" if run.begun else "to train" for run in runs]
    return f"{len(runs)} runs: " + ", ".join(
        f"{states.count(state)} {state}" for state in ("done", "begun", "to train")
    )


def train_missing(
    runs: Sequence[Run],
    *,
    jobs: int = 1,
    num_gpus: int = 1,
    groups: Sequence[str] = (),
    command: Callable[[Run], Sequence[str]] | None = None,
    images_of: Callable[[Run], int] = lambda run: 1,
) -> None:
    """Trains those of the runs that have no result, and prints how far it is. `check_runs` has passed.

    Args:
        jobs: trainings at a time; more than one are processes of their own.
        num_gpus: processes that share each training; more than one are started by a process of its own as well.
        groups: of GPUs, see `groups_of_gpus`.
        command: the words that start such a process of its own.
        images_of: a run to the number of its training images, for the time left.
    Raises: InputError: a run that cannot be trained; what was finished before stays.
    """
    as_count(jobs, "the number of trainings at a time")
    finished, missing = split(runs)
    # Those that go on from another's end begin when all others have ended.
    phases = [[run for run in missing if (trained_alike(run.cfg) is None) == itself] for itself in (True, False)]
    for run in runs:
        run.keep()
    without = sum(not result["telemetry"] for run, result in finished if run.cfg.MODEL.DCAC.TELEMETRY)
    if without:
        print(
            f"{without} of the runs that are done have no telemetry, although MODEL.DCAC.TELEMETRY is set: they were trained "
            "without it, and are not trained again for it; another --output would train them with it",
            flush=True,
        )
    here = jobs == num_gpus == 1
    trainings = (
        _train_here(phase) if here else train_side_by_side(phase, jobs, command, num_gpus, groups) for phase in phases
    )
    pace, done = Pace(finished, images_of), len(finished)
    for run in chain.from_iterable(trainings):
        run.keep()
        result = run.result()
        pace.add(run, result)
        missing.remove(run)
        done += 1
        left = duration(sum(map(pace.of_any, missing)) / jobs)
        scores = ", ".join(f"{target} {of_target['mAP']:.1f}" for target, of_target in result["scores"].items())
        print(f"[{done}/{len(runs)}] {run}: mAP {scores}; {duration(result['seconds'])}, {left} left", flush=True)


def _train_here(runs: Sequence[Run]) -> Iterator[Run]:
    for run in runs:
        train(run)
        yield run
