"""One step of two processes is that of one (checks 2, 3, 6 and 13 of DISTRIBUTED.md)."""

import pytest

from .compared import apart, unequal
from .conftest import STEPS


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.slow if name == "bf16" else ()) for name in STEPS])
def results(request) -> tuple[dict, list[dict]]:
    """Of a step in one process, and in each of two."""
    done = request.getfixturevalue("slow_runs" if request.param == "bf16" else "runs")
    return done.one[request.param], [of_process[request.param] for of_process in done.two]


def test_what_looks_at_the_batch_is_equal_to_the_bit(results):
    """Features, logits, losses, the gradient at the encoder, running statistics and prototypes, in both processes."""
    one, two = results
    for of_process in two:
        for part in ("seen", "buffers"):
            assert unequal(one[part], of_process[part]) == []


def test_gradients_are_equal_to_rounding(results):
    one, two = results
    for of_process in two:
        far = apart(one["gradients"], of_process["gradients"])
        assert max(far.values()) < 3e-6, list(far.items())[:3]
    assert unequal(*(of_process["gradients"] for of_process in two)) == []


def test_gradients_are_equal_in_fp64_without_pieces_of_the_same_size(runs):
    for of_process in runs.two:
        far = apart(runs.one["fp64"]["gradients"], of_process["fp64"]["gradients"])
        assert max(far.values()) < 1e-12, list(far.items())[:3]


@pytest.mark.slow
def test_noise_of_its_own_in_every_process_is_seen(slow_runs):
    for of_process in slow_runs.two:
        assert "0 loss_diffusion" in unequal(slow_runs.one["dcac"]["seen"], of_process["noise"]["seen"])
        assert max(apart(slow_runs.one["dcac"]["gradients"], of_process["noise"]["gradients"]).values()) > 0.1
