"""One step of two processes is that of one (checks 2, 3, 6 and 13 of DISTRIBUTED.md)."""

import pytest

from .compared import apart, unequal
from .conftest import STEPS


@pytest.mark.parametrize("name", STEPS)
def test_what_looks_at_the_batch_is_equal_to_the_bit(runs, name):
    """Features, logits, losses, the gradient at the encoder, running statistics and prototypes, in both processes."""
    for of_process in runs.two:
        for part in ("seen", "buffers"):
            assert unequal(runs.one[name][part], of_process[name][part]) == []


@pytest.mark.parametrize("name", STEPS)
def test_gradients_are_equal_to_rounding(runs, name):
    for of_process in runs.two:
        far = apart(runs.one[name]["gradients"], of_process[name]["gradients"])
        assert max(far.values()) < 3e-6, list(far.items())[:3]
    assert unequal(*(of_process[name]["gradients"] for of_process in runs.two)) == []


def test_gradients_are_equal_in_fp64_without_pieces_of_the_same_size(runs):
    for of_process in runs.two:
        far = apart(runs.one["fp64"]["gradients"], of_process["fp64"]["gradients"])
        assert max(far.values()) < 1e-12, list(far.items())[:3]


def test_noise_of_its_own_in_every_process_is_seen(runs):
    for of_process in runs.two:
        assert "0 loss_diffusion" in unequal(runs.one["dcac"]["seen"], of_process["noise"]["seen"])
        assert max(apart(runs.one["dcac"]["gradients"], of_process["noise"]["gradients"]).values()) > 0.1
