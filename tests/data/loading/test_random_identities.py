from collections import Counter

import numpy as np
import pytest

from dcac_fastreid.data import EpochSampler
from dcac_fastreid.data.loading.random_identities import RandomIdentitySampler
from dcac_fastreid.data.loading.samplers import build_epoch_sampler
from dcac_fastreid.engine.epoch_steps import EpochSteps

SHOTS = [2, 3, 4, 5, 7, 8, 9, 11, 12, 16, 23, 40]  # images of each identity
P, K = 4, 4


def items_of(shots):
    return [(f"{person}_{shot}.jpg", person, 0) for person, count in enumerate(shots) for shot in range(count)]


@pytest.fixture
def epochs():
    return EpochSampler(RandomIdentitySampler(items_of(SHOTS), P * K, K), length=None, seed=3)


def batches_of(indices):
    """The identities of each batch's groups; each group must be of one identity."""
    identities = [items_of(SHOTS)[index][1] for index in indices]
    groups = [identities[begin : begin + K] for begin in range(0, len(identities), K)]
    assert all(len(set(group)) == 1 for group in groups)
    owners = [group[0] for group in groups]
    return [owners[begin : begin + P] for begin in range(0, len(owners), P)]


@pytest.mark.parametrize("epoch", range(5))
def test_a_batch_has_so_many_identities_and_none_of_their_images_comes_twice(epochs, epoch):
    indices = epochs.epoch_indices(epoch)
    assert all(len(set(batch)) == P for batch in batches_of(indices))
    often = Counter(indices)
    assert all(count == 1 for index, count in often.items() if SHOTS[items_of(SHOTS)[index][1]] >= K)
    few = [index for index in indices if SHOTS[items_of(SHOTS)[index][1]] < K]
    assert len(few) in (0, K, 2 * K), "identities with fewer images than K are drawn once"


@pytest.mark.parametrize("epoch", range(5))
def test_an_epoch_ends_when_too_few_identities_have_images_left_and_not_before(epochs, epoch):
    drawn = Counter(person for batch in batches_of(epochs.epoch_indices(epoch)) for person in batch)
    left = {person: max(1, shots // K) - drawn[person] for person, shots in enumerate(SHOTS)}
    assert min(left.values()) >= 0 and sum(groups > 0 for groups in left.values()) < P
    before_last = batches_of(epochs.epoch_indices(epoch))[-1]
    assert sum(left[person] + (person in before_last) > 0 for person in left) >= P


def test_identities_are_drawn_evenly_from_those_with_images_left():
    """Not by their images: of 20 with 4 to 80 images each is in the first batch as often."""
    sampler = RandomIdentitySampler(items_of([4 * (1 + person) for person in range(20)]), P * K, K)
    epochs = EpochSampler(sampler, length=None, seed=0)
    of_index = [person for _, person, _ in items_of([4 * (1 + person) for person in range(20)])]
    first = Counter(of_index[index] for epoch in range(150) for index in epochs.epoch_indices(epoch)[: P * K : K])
    assert all(10 < first[person] < 55 for person in range(20)), first  # 30 in the mean, standard deviation 5


def test_epochs_are_the_same_at_every_call_and_differ_in_length(epochs):
    lengths = [epochs.epoch_length(epoch) for epoch in range(12)]
    assert len(set(lengths)) > 1
    np.random.rand(3)
    again = EpochSampler(RandomIdentitySampler(items_of(SHOTS), P * K, K), length=None, seed=3)
    assert [len(again.epoch_indices(epoch)) for epoch in range(12)] == lengths
    assert again.epoch_indices(4) == epochs.epoch_indices(4) != epochs.epoch_indices(5)


def test_iteration_crosses_epochs_of_different_length_and_begins_anywhere(epochs):
    lengths = [epochs.epoch_length(epoch) for epoch in range(3)]
    stream = iter(epochs)
    drawn = [next(stream) for _ in range(sum(lengths))]
    assert [index for index, _ in drawn] == [index for epoch in range(3) for index in epochs.epoch_indices(epoch)]
    epochs.begin_at(epoch=1, done=2 * P * K)
    stream = iter(epochs)
    assert [next(stream) for _ in range(50)] == drawn[lengths[0] + 2 * P * K :][:50]


def plausible(total, identities, least, most, spread):
    """Numbers of images by identity with a data set's totals: even ones, or a long tail (gamma of this shape)."""
    random = np.random.RandomState(0)
    counts = np.clip(np.round(random.gamma(spread, total / identities / spread, identities)), least, most).astype(int)
    while counts.sum() != total:
        person, step = random.randint(identities), int(np.sign(total - counts.sum()))
        if least <= counts[person] + step <= most:
            counts[person] += step
    return counts.tolist()


@pytest.mark.parametrize(
    ("total", "identities", "least", "most", "steps", "images_by_batch"),
    [
        (12936, 751, 2, 72, 184, 202),  # MA
        (16522, 702, 6, 426, 240, 258),  # D
        (32621, 1041, 8, 400, 480, 509),  # MS
        (7365, 767, 8, 10, 96, 115),  # C3: nearly all have 9 or 10
    ],
)
@pytest.mark.parametrize("spread", [2, 4])
def test_steps_of_an_epoch_on_the_real_totals(make_cfg, total, identities, least, most, steps, images_by_batch, spread):
    """FACTS names the totals, and the steps that the authors' code makes of the real sets. How the images are spread over
    identities is made up here, in two ways; the steps hardly depend on it."""
    items = items_of(plausible(total, identities, least, most, spread))
    opts = ("SOLVER.IMS_PER_BATCH", 64, "DATALOADER.SAMPLER_TRAIN")
    of_release, of_host = (
        EpochSteps.of_sampler(build_epoch_sampler(make_cfg("ma_ms.yml", *opts, name), items), batch=64, otherwise=total // 64)
        for name in ("RandomIdentitySampler", "NaiveIdentitySampler")
    )  # fmt: skip
    assert of_release.of(0) == pytest.approx(steps, rel=0.02) and of_host.of(0) == images_by_batch
