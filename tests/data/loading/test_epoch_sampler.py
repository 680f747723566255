from itertools import islice

import numpy as np
import pytest
import torch

from dcac_fastreid.data import EpochSampler
from fastreid.data import samplers

ITEMS = [
    (f"{person}_{shot}.jpg", f"own_{person}", f"own_{shot % 3}") for person in range(12) for shot in range(2 + person)
]
MAKE = {
    "TrainingSampler": lambda: samplers.TrainingSampler(len(ITEMS), seed=0),
    "NaiveIdentitySampler": lambda: samplers.NaiveIdentitySampler(ITEMS, 16, 4, seed=0),
    "BalancedIdentitySampler": lambda: samplers.BalancedIdentitySampler(ITEMS, 16, 4, seed=0),
    "ImbalancedDatasetSampler": lambda: samplers.ImbalancedDatasetSampler(ITEMS, seed=0),
}
LENGTH = len(ITEMS) // 16 * 16


@pytest.fixture(params=MAKE)
def make_sampler(request):
    return lambda seed=7: EpochSampler(MAKE[request.param](), length=LENGTH, seed=seed)


def state():
    return np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()


def test_fast_reids_stream_depends_on_all_that_draws():
    """A stream of one seed, read twice, with a draw of somebody else between its epochs; and one without a seed."""
    streams = []
    for disturb in (False, True):
        stream = iter(samplers.BalancedIdentitySampler(ITEMS, 16, 4, seed=1))
        first = list(islice(stream, LENGTH))
        if disturb:
            np.random.rand()
        streams.append((first, list(islice(stream, LENGTH))))
    assert streams[0][0] == streams[1][0] and streams[0][1] != streams[1][1]
    imbalanced = [list(islice(samplers.ImbalancedDatasetSampler(ITEMS, seed=1), LENGTH)) for _ in range(2)]
    assert imbalanced[0] != imbalanced[1]


def test_an_epoch_follows_from_seed_and_epoch_alone(make_sampler):
    first = make_sampler().epoch_indices(3)
    np.random.rand(5), torch.rand(5)
    sampler = make_sampler()
    assert sampler.epoch_indices(2) != first != make_sampler(seed=8).epoch_indices(3)
    assert sampler.epoch_indices(3) == first == sampler.epoch_indices(3)
    assert len(first) == LENGTH and all(type(index) is int for index in first)


def test_nobody_elses_random_numbers_move(make_sampler):
    before = state()
    make_sampler().epoch_indices(0)
    assert state() == before


@pytest.mark.parametrize("name", MAKE)
def test_the_draws_are_fast_reids_own(name):
    host = MAKE[name]()
    drawn = EpochSampler(host, length=LENGTH, seed=7).epoch_indices(3)
    torch.manual_seed(host._seed)  # fast-reid's ImbalancedDatasetSampler does not seed the generator that it draws from
    assert drawn == list(islice(host, LENGTH))


def test_an_epoch_of_the_training_sampler_shows_no_image_twice():
    """fast-reid's goes on in the middle of a permutation."""
    host = list(islice(samplers.TrainingSampler(len(ITEMS), seed=1), 3 * LENGTH))
    assert any(len(set(host[start : start + LENGTH])) < LENGTH for start in (LENGTH, 2 * LENGTH))
    ours = EpochSampler(MAKE["TrainingSampler"](), length=LENGTH, seed=1)
    assert all(len(set(ours.epoch_indices(epoch))) == LENGTH for epoch in range(3))


def test_iteration_goes_from_epoch_to_epoch_beginning_at_the_first_to_train(make_sampler):
    sampler = make_sampler()
    sampler.begin_at(epoch=2, done=0)
    drawn = list(islice(sampler, 2 * LENGTH))
    assert [index for index, _ in drawn] == sampler.epoch_indices(2) + sampler.epoch_indices(3)
    sampler.begin_at(epoch=2, done=16)
    assert list(islice(sampler, LENGTH)) == drawn[16 : 16 + LENGTH]


def test_every_place_of_every_epoch_has_a_seed_of_its_own(make_sampler):
    seeds = [seed for _, seed in islice(make_sampler(), 2 * LENGTH)]
    assert len(set(seeds)) == 2 * LENGTH


def test_a_failing_draw_puts_the_random_numbers_back(make_sampler):
    sampler, before = make_sampler(), state()
    sampler._sampler = 0
    with pytest.raises(AttributeError):
        sampler.epoch_indices(0)
    assert state() == before
