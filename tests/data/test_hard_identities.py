"""HardIdentitySampler: neighbours of a hand-made circle of prototypes, anchors, images, and what an epoch follows from."""

import numpy as np
import pytest
import torch

from dcac_fastreid.data.samplers import build_epoch_sampler, check_sampler
from dcac_fastreid.errors import InputError

ANGLES = (0, 10, 25, 90, 100, 120, 200, 215)  # degrees, of identity 0 to 7
# Of each identity the three nearest, as the angles say.
NEAREST = {
    0: {1, 2, 3},
    1: {0, 2, 3},
    2: {1, 0, 3},
    3: {4, 5, 2},
    4: {3, 5, 2},
    5: {4, 3, 6},
    6: {7, 5, 4},
    7: {6, 5, 4},
}
ITEMS = [(f"{p}_{s}.jpg", f"person_{p}", f"camera_{s % 2}") for s in range(6) for p in reversed(range(8))]


def circle(angles=ANGLES):
    radians = torch.deg2rad(torch.tensor(angles, dtype=torch.float32))
    return torch.stack([radians.cos(), radians.sin()], dim=1)


@pytest.fixture
def draw(make_cfg):
    """draw(epoch, *opts): batches of 4 x 2 images as lists of identities, as the sampler of a config draws them."""

    def draw(epoch=0, *opts, prototypes=circle):
        opts = ("DATALOADER.SAMPLER_TRAIN", "HardIdentitySampler", "SOLVER.IMS_PER_BATCH", 8, *opts)
        sampler = build_epoch_sampler(make_cfg("ma_ms.yml", "DATALOADER.NUM_INSTANCE", 2, *opts), ITEMS)
        sampler.connect_prototypes(prototypes)
        indices = np.array(sampler.epoch_indices(epoch)).reshape(-1, 8)
        return indices, [[int(ITEMS[index][1].removeprefix("person_")) for index in batch] for batch in indices]

    return draw


def test_a_batch_is_an_anchor_and_its_nearest(draw):
    indices, batches = draw()
    assert len(batches) == len(ITEMS) // 8  # as NaiveIdentitySampler
    for batch in batches:
        assert batch[::2] == batch[1::2]  # two images of each, beside each other
        assert set(batch[2:]) == NEAREST[batch[0]]
    assert len({batch[0] for batch in batches}) == len(batches)  # no identity is the anchor twice before all were
    assert all(len(set(batch)) == 8 for batch in indices.tolist())


def test_a_share_of_the_others_is_random(draw):
    """A third: of the three others the nearest one, two at random."""
    drawn = [batch for epoch in range(20) for batch in draw(epoch, "DATALOADER.HARD_SHARE", 0.34)[1]]
    first = {0: 1, 1: 0, 2: 1, 3: 4, 4: 3, 5: 4, 6: 7, 7: 6}
    assert all(len(set(batch)) == 4 and batch[2] == first[batch[0]] for batch in drawn)
    assert {identity for batch in drawn for identity in batch[4:] if batch[0] == 0} == {2, 3, 4, 5, 6, 7}


def test_an_epoch_follows_from_seed_epoch_and_prototypes(draw):
    first, batches = draw()
    assert np.array_equal(draw()[0], first) and not np.array_equal(draw(1)[0], first)
    assert not np.array_equal(draw(0, "SEED", 1)[0], first)
    others = draw(prototypes=lambda: circle(tuple(reversed(ANGLES))))[1]
    assert others != batches and [batch[0] for batch in others] == [batch[0] for batch in batches]


@pytest.mark.parametrize(
    ("opts", "sentence"),
    [
        (("MODEL.META_ARCHITECTURE", "Baseline"), "Baseline has no ID prototypes"),
        (("DATALOADER.CACHE_IMAGES", False), "CACHE_IMAGES, but it is False"),
        (("INPUT.AUTOAUG.ENABLED", True), "CACHE_IMAGES, but .*AUTOAUG"),
    ],
)
def test_what_cannot_work_is_refused(make_cfg, opts, sentence):
    cfg = make_cfg("baseline/ma_ms.yml", *opts, "DATALOADER.SAMPLER_TRAIN", "HardIdentitySampler")
    with pytest.raises(InputError, match=sentence):
        check_sampler(cfg, processes=1)


@pytest.mark.parametrize("config", ["baseline/ma_ms.yml", "ma_ms.yml"])
def test_a_training_draws_by_the_prototypes_of_the_start_of_each_epoch(make_trainer, config):
    opts = ("DATALOADER.SAMPLER_TRAIN", "HardIdentitySampler", "SOLVER.MAX_EPOCH", 2, "TEST.EVAL_PERIOD", 0)
    trainer = make_trainer(config, *opts)
    seen, drawn, memory, sampler = [], [], trainer.model.memory, trainer.data_loader.batch_sampler.sampler
    reset, draw = memory.reset, sampler.epoch_indices
    memory.reset = lambda *args: (reset(*args), seen.append(memory.prototypes.clone()))
    sampler.epoch_indices = lambda epoch: drawn.append(memory.prototypes.clone()) or draw(epoch)
    trainer.train()
    assert len(drawn) == 2 and all(torch.equal(*pair) for pair in zip(drawn, seen, strict=True))
