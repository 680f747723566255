"""Results of trainings that never were, and the tables that they fill."""

import pytest

from dcac_fastreid.experiments.protocols import TableSpec
from dcac_fastreid.experiments.table import build_table

COLUMNS = (("MA", "D"), ("MA", "MS"), ("C3", "D"))
PUBLISHED = {("dcac", column): (50.0, 60.0) for column in COLUMNS}


@pytest.fixture(scope="session")
def make_result():
    """A result as reproduce.py writes it, tested on D and MS, four queries each, of two people.

    Args:
        level: mAP on D; MS is 10 higher, Rank-1 is 25.
        marks: by target.
        telemetry: by name without the prefix; what a baseline has where none is given.
    """

    def make(
        row: str, seed: int, level: float, source: str = "MA", *, data_seed=None, marks=None, stamp=None, telemetry=None
    ):
        scores = {
            target: {"mAP": level + plus, "Rank-1": 25.0, "mINP": 5.0} for target, plus in (("D", 0.0), ("MS", 10.0))
        }
        queries = {
            target: {
                "AP": [of["mAP"] + step for step in (-3.0, -1.0, 1.0, 3.0)],
                "Rank-1": [0.0, 0.0, 0.0, 100.0],
                "person": [1, 1, 2, 2],
            }
            for target, of in scores.items()
        }
        numbers = {"reid_gradient": 0.25} if telemetry is None else telemetry
        return {
            "row": row, "source": source, "seed": seed, "data_seed": data_seed, "scores": scores, "queries": queries,
            "stamp": stamp or {}, "marks": marks or {}, "seconds": 41.2,
            "telemetry": {f"telemetry/{name}": number for name, number in numbers.items()},
        }  # fmt: skip

    return make


@pytest.fixture(scope="session")
def spec():
    """Two rows beside the reference, three columns of two sources."""
    return TableSpec("7", "Table 7: <schemes>", ("baseline", "dcac", "class"), "baseline", COLUMNS, PUBLISHED)


@pytest.fixture(scope="session")
def table(spec, make_result):
    """dcac is 2 points better on MA, its result on D is marked; on C3 only the baseline ran; class did not run."""
    results = [make_result("baseline", seed, 30.0 + seed) for seed in range(3)]
    results += [make_result("dcac", seed, 32.0 + seed, marks={"D": ["picked by its result on D"]}) for seed in range(3)]
    results += [make_result("baseline", 0, 20.0, "C3")]
    return build_table(spec, results, published=True)


@pytest.fixture(scope="session")
def told(spec, make_result):
    """As `table`, but for the telemetry: a baseline has none to show, dcac's two runs of two sources have, class did not run."""
    by_source = {
        "MA": {"gradient_ratio": 0.001, "noise_loss_0_250": 0.4, "condition_entropy": 2.0, "reid_gradient": 9.0},
        "C3": {"gradient_ratio": 0.002, "noise_loss_0_250": 0.5, "condition_top1": 0.25, "lora_displacement": 1.5e-5},
    }
    results = [make_result("dcac", 0, 30.0, source, telemetry=numbers) for source, numbers in by_source.items()]
    return build_table(spec, [make_result("baseline", 0, 30.0), *results], published=False)
