import pytest

from dcac_fastreid.engine.epoch_steps import EpochSteps

LENGTHS = [3, 2, 4, 2, 5]


@pytest.fixture
def steps():
    return EpochSteps(lambda epoch: LENGTHS[epoch], alike=False)


def test_every_step_has_its_place(steps):
    places = [(epoch, done) for epoch, length in enumerate(LENGTHS) for done in range(length)]
    assert [steps.place(done) for done in range(sum(LENGTHS))] == places
    assert [steps.of(epoch) for epoch in range(5)] == LENGTHS
    assert [steps.before(epoch) for epoch in (0, 1, 5)] == [0, 3, 16]


def test_an_epoch_ends_behind_its_last_step(steps):
    assert [done for done in range(1, 16) if steps.ends(done)] == [3, 5, 9, 11]


def test_a_checkpoint_tells_the_steps_of_its_epochs(steps):
    assert steps.described(3) == [3, 2, 4]
    assert EpochSteps(lambda epoch: 7, alike=True).described(3) == 7
