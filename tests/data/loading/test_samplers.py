import copy

import numpy as np
import pytest

from dcac_fastreid import data
from dcac_fastreid.data.checks.check_batches import SAMPLERS, check_batch
from dcac_fastreid.data.loading.samplers import build_epoch_sampler
from dcac_fastreid.errors import InputError
from fastreid.data import samplers


def make_items(identities, shots):
    return [(f"{p}_{s}.jpg", f"own_{p}", f"own_{s % 2}") for p in range(identities) for s in range(shots)]


class DrawnTooOften(Exception):
    pass


@pytest.mark.parametrize(
    ("sampler", "identities", "batch", "instances"),
    [
        (samplers.BalancedIdentitySampler, 3, 16, 4),
        (samplers.BalancedIdentitySampler, 8, 16, 6),
        (samplers.NaiveIdentitySampler, 3, 16, 4),
        (samplers.NaiveIdentitySampler, 8, 16, 6),
        (samplers.NaiveIdentitySampler, 8, 16, 32),
    ],
)
def test_fast_reid_loops_forever(monkeypatch, sampler, identities, batch, instances):
    calls = iter(range(2000))

    def counted(draw):
        def drawn(*args, **kwargs):
            if next(calls, None) is None:
                raise DrawnTooOften
            return draw(*args, **kwargs)

        return drawn

    for owner, name in ((np.random, "permutation"), (np.random, "choice"), (copy, "deepcopy")):
        monkeypatch.setattr(owner, name, counted(getattr(owner, name)))
    stream = iter(sampler(make_items(identities, 4), batch, instances, seed=0))
    with pytest.raises(DrawnTooOften):
        next(stream)


def test_fast_reids_set_re_weight_sampler_fails():
    sampler = samplers.SetReWeightSampler(make_items(8, 4), 16, 4, [1, 1], seed=0)
    with pytest.raises(ValueError):
        next(iter(sampler))


@pytest.mark.parametrize(
    ("opts", "message"),
    [
        (("DATALOADER.SAMPLER_TRAIN", "RandomSampler"), "'RandomSampler'; known are .*NaiveIdentitySampler"),
        (("DATALOADER.SAMPLER_TRAIN", "SetReWeightSampler"), "fails in every version of fast-reid; use one of Naive"),
        (("DATALOADER.NUM_INSTANCE", 6), "SOLVER.IMS_PER_BATCH 16 is no multiple of DATALOADER.NUM_INSTANCE 6"),
        (("DATALOADER.NUM_INSTANCE", 32), "SOLVER.IMS_PER_BATCH 16 is no multiple of DATALOADER.NUM_INSTANCE 32"),
        (("DATALOADER.NUM_INSTANCE", 0), "DATALOADER.NUM_INSTANCE is 0; expected a whole number, 1 or more"),
        (("SOLVER.IMS_PER_BATCH", 0), "SOLVER.IMS_PER_BATCH is 0; expected a whole number, 1 or more"),
    ],
)
def test_settings_that_cannot_work_are_refused(make_cfg, opts, message):
    with pytest.raises(InputError, match=message):
        data.check_sampler(make_cfg("ma_ms.yml", *opts), processes=1)


def test_of_fast_reids_architectures_the_batch_of_a_process_must_hold_whole_identities(make_cfg):
    cfg = make_cfg("ma_ms.yml", "DATALOADER.NUM_INSTANCE", 16)
    data.check_sampler(cfg, processes=2)
    cfg = make_cfg("baseline/ma_ms.yml", "DATALOADER.NUM_INSTANCE", 16, "MODEL.META_ARCHITECTURE", "Baseline")
    data.check_sampler(cfg, processes=1)
    with pytest.raises(InputError, match="SOLVER.IMS_PER_BATCH 16 / 2 processes = 8 is no multiple"):
        data.check_sampler(cfg, processes=2)


def test_samplers_without_identities_need_no_number_of_images(make_cfg):
    data.check_sampler(
        make_cfg("ma_ms.yml", "DATALOADER.NUM_INSTANCE", 6, "DATALOADER.SAMPLER_TRAIN", "TrainingSampler"), processes=1
    )


@pytest.mark.parametrize(
    ("identities", "shots", "message"),
    [
        (
            3,
            9,
            "^GRID, VIPeR has 3 identities, a batch needs 4 with 4 images each: set SOLVER.IMS_PER_BATCH 12, or raise",
        ),
        (5, 3, "^GRID, VIPeR has 15 images, a batch needs 16: lower SOLVER.IMS_PER_BATCH"),
    ],
)
def test_too_few_for_a_batch_is_refused(make_cfg, identities, shots, message):
    with pytest.raises(InputError, match=message):
        check_batch(make_cfg("ma_ms.yml", "DATASETS.NAMES", ("GRID", "VIPeR")), make_items(identities, shots))


def test_what_just_fills_a_batch_is_enough(make_cfg):
    check_batch(make_cfg(), make_items(4, 4))
    check_batch(make_cfg("ma_ms.yml", "DATALOADER.SAMPLER_TRAIN", "TrainingSampler"), make_items(2, 8))


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_draws_whole_batches(make_cfg, name):
    cfg = make_cfg("ma_ms.yml", "DATALOADER.SAMPLER_TRAIN", name, "SEED", 5)
    items = make_items(9, 5)
    sampler = build_epoch_sampler(cfg, items)
    indices = sampler.epoch_indices(0)
    assert len(indices) == 2 * 16 and type(sampler._sampler).__name__ == name
    if "Identity" in name:
        identities = [items[index][1] for index in indices]
        assert all(len(set(identities[start : start + 4])) == 1 for start in range(0, 32, 4))


def test_seed_of_the_config_decides_and_minus_1_draws_one(make_cfg):
    def first(seed):
        return build_epoch_sampler(make_cfg("ma_ms.yml", "SEED", seed), make_items(9, 5)).epoch_indices(0)

    assert first(5) == first(5) != first(6)
    assert first(-1) != first(-1)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_one_identity_is_nothing_to_train_on(make_cfg, sampler):
    cfg = make_cfg("ma_ms.yml", "DATALOADER.SAMPLER_TRAIN", sampler, "SOLVER.IMS_PER_BATCH", 4)
    with pytest.raises(
        InputError, match="DG_Market1501 has 16 images of 1 identity to train on, expected 2 identities or more"
    ):
        check_batch(cfg, make_items(1, 16))
    check_batch(cfg, make_items(2, 16))
