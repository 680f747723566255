"""Hours and disk of runs that are not trained yet, and what is said of them."""

from types import SimpleNamespace

import pytest

from dcac_fastreid.experiments import run_plan
from dcac_fastreid.experiments.cost import Pace, cost_of

IMAGES = {"MA": 100, "MS": 300}


class Estimates:
    """600 s an hour for MA by the planner, and none for a step that does not fit."""

    def images(self, run) -> int:
        return IMAGES[run.source]

    def seconds(self, run) -> float | None:
        return None if run.row == "full" else 6.0 * IMAGES[run.source]

    def checkpoints(self, run) -> int:
        return 1000

    def kept(self, run) -> dict[str, int]:
        return {run.source: 10 * IMAGES[run.source]} if run.row != "baseline" else {}


@pytest.fixture
def run(tmp_path):
    def run(row: str, source: str, seconds: float | None = None):
        folder = tmp_path / row / source
        result = {"seconds": seconds} if seconds else None
        return SimpleNamespace(
            row=row, source=source, folder=folder, key=f"{row}{source}", result=lambda: result, begun=False
        )

    return run


def test_finished_runs_of_a_row_tell_the_seconds_by_image_and_the_planner_tells_those_of_others(run):
    finished = [(run("dcac", "MA"), {"seconds": 200.0}), (run("dcac", "MA"), {"seconds": 400.0})]
    cost = cost_of([run("dcac", "MS"), run("baseline", "MA"), run("full", "MA")], finished, Estimates())
    assert (cost.by_finished, cost.seconds, cost.unknown) == (900.0, 900.0 + 600.0, 1)


def test_disk_is_what_is_not_there_yet_and_runs_share_latents(run):
    begun = run("dcac", "MA")
    begun.folder.mkdir(parents=True)
    (begun.folder / "model_0019.pth").write_bytes(b"x" * 400)
    cost = cost_of([begun, run("full", "MA"), run("baseline", "MS")], [], Estimates())
    assert (cost.output, cost.cache) == (600 + 1000 + 1000, 1000)


def test_the_time_left_is_that_of_the_rows_finished_runs_or_else_of_all(run):
    pace = Pace([(run("baseline", "MA"), {"seconds": 10.0}), (run("dcac", "MA"), {"seconds": 60.0})], lambda _: 1)
    pace.add(run("baseline", "MA"), {"seconds": 20.0})
    assert [pace.of_any(run(row, "MA")) for row in ("baseline", "dcac", "frozen")] == [15.0, 60.0, 30.0]
    assert pace.of_row(run("frozen", "MA")) is None


def plan(runs, tmp_path, **where) -> list[str]:
    where = {"jobs": 1, "num_gpus": 1, "groups": [], **where}
    return run_plan.describe_plan(runs, Estimates(), tmp_path, **where).splitlines()


def test_the_plan_tells_hours_gpus_and_disk(run, tmp_path):
    runs = [run("dcac", source) for source in ("MA", "MS")]
    on_gpus = plan(runs, tmp_path, jobs=2, groups=["0", "3"])
    assert on_gpus[0] == "time: 0.667 GPU-hours, by the planner; with 2 GPUs about 20 min"
    assert on_gpus[1] == "GPUs: 2 trainings at a time, on GPU 0, GPU 3"
    assert on_gpus[2].startswith("disk: ") and all(
        word in " ".join(on_gpus) for word in ("needed", "free on the drive")
    )
    pairs = plan(runs, tmp_path, jobs=1, num_gpus=2, groups=["0,1"])
    assert pairs[:2] == [
        "time: 1.33 GPU-hours, by the planner; with 2 GPUs about 40 min",
        "GPUs: 1 training at a time, on GPUs 0,1",
    ]
    on_cpu = plan([*runs, run("full", "MA")], tmp_path, jobs=2)
    assert on_cpu[0] == "time: 40 min of this machine, by the planner; of 1 run it is not known"
    assert plan([run("full", "MA")], tmp_path)[0].startswith("time: not known: a step does not fit")
    assert (
        plan([run("dcac", "MA", 400.0), run("dcac", "MS")], tmp_path)[0]
        == "time: 20 min of this machine, by finished runs"
    )
    assert plan([run("dcac", "MA", 400.0)], tmp_path) == []
