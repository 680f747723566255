"""What will runs cost: hours and disk? From the seconds of finished runs, and where there are none from the planner."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from dcac_fastreid.experiments.runs import Run

Finished = Iterable[tuple[Run, Mapping[str, Any]]]  # runs with their results


class Estimates(Protocol):
    """What is known of a run before it is trained."""

    def images(self, run: Run) -> int:
        """Of its training set, by which the seconds of one source tell those of another."""

    def seconds(self, run: Run) -> float | None:
        """None where it cannot be told: a step does not fit into this machine's memory, or its images are not there yet."""

    def checkpoints(self, run: Run) -> int:
        """Bytes that it leaves behind."""

    def kept(self, run: Run) -> Mapping[str, int]:
        """Bytes that it adds to the cache folder, by what they are of; runs on one source share them."""


@dataclass(frozen=True)
class Cost:
    """Of some runs.

    Attributes:
        seconds: of all, one after the other. by_finished: those of them that finished runs tell.
        unknown: runs whose seconds nobody can tell.
        output, cache: bytes below the folder of the runs, and in the cache folder.
    """

    seconds: float
    by_finished: float
    unknown: int
    output: int
    cache: int


def cost_of(runs: Sequence[Run], finished: Finished, estimates: Estimates) -> Cost:
    """Args: runs: that are to be trained."""
    pace = Pace(finished, estimates.images)
    by_finished = [pace.of_row(run) for run in runs]
    planned = [estimates.seconds(run) for run, known in zip(runs, by_finished, strict=True) if known is None]
    kept = {name: size for run in runs for name, size in estimates.kept(run).items()}
    known = sum(seconds for seconds in by_finished if seconds is not None)
    return Cost(
        seconds=known + sum(seconds for seconds in planned if seconds is not None),
        by_finished=known,
        unknown=planned.count(None),
        output=sum(max(0, estimates.checkpoints(run) - _there(run)) for run in runs),
        cache=sum(kept.values()),
    )


class Pace:
    """Seconds that a row takes for a training image, over a whole run, by the runs that are finished."""

    def __init__(self, finished: Finished, images_of: Callable[[Run], int]):
        self._images_of = images_of
        self._by_row: dict[str, list[float]] = {}
        for run, result in finished:
            self.add(run, result)

    def add(self, run: Run, result: Mapping[str, Any]) -> None:
        self._by_row.setdefault(run.row, []).append(result["seconds"] / self._images_of(run))

    def of_row(self, run: Run) -> float | None:
        """Seconds of a run, by the mean of its row; None where none of that row is finished."""
        found = self._by_row.get(run.row)
        return sum(found) / len(found) * self._images_of(run) if found else None

    def of_any(self, run: Run) -> float:
        """The same; where none of its row is finished by the mean of all that are. One of them is."""
        found = self._by_row.get(run.row) or [pace for row in self._by_row.values() for pace in row]
        return sum(found) / len(found) * self._images_of(run)


def _there(run: Run) -> int:
    """Bytes of checkpoints that an interrupted run has in its folder."""
    return sum(file.stat().st_size for file in run.folder.glob("model_*.pth"))
