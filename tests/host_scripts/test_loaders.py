"""Loaders that a script builds from its config."""

import pytest

from dcac_fastreid.errors import InputError
from dcac_fastreid.host_scripts.config import default_config
from dcac_fastreid.host_scripts.loaders import build_reid_test_loader, build_reid_train_loader
from fastreid.data.samplers import TrainingSampler


@pytest.fixture
def cfg(tiny_data):
    cfg = default_config()
    cfg.merge_from_list(
        ["DATASETS.ROOT", str(tiny_data), "DATASETS.NAMES", ("DG_Market1501",), "SOLVER.IMS_PER_BATCH", 16]
    )
    cfg.merge_from_list(["DATALOADER.SAMPLER_TRAIN", "NaiveIdentitySampler", "DATALOADER.NUM_WORKERS", 0])
    return cfg


@pytest.mark.parametrize(
    "pairs",
    [
        ["DATALOADER.NUM_INSTANCE", 3],
        ["DATALOADER.NUM_INSTANCE", 1],
        ["DATALOADER.SAMPLER_TRAIN", "SetReWeightSampler"],
        ["DATASETS.NAMES", ("Nowhere",)],
        ["DATASETS.ROOT", "gone"],
    ],
    ids=str,
)
def test_what_would_loop_or_fail_is_told_in_a_sentence(cfg, pairs):
    cfg.merge_from_list(pairs)
    with pytest.raises(InputError):
        build_reid_train_loader(cfg)


def test_a_set_of_the_script_is_taken_as_it_is(cfg):
    """As of fast-reid's projects for attributes: its items are of a form of their own, its data sets are not the config's."""

    class Attributes(list):
        img_items = (("a.jpg", [0, 1]),)

    images = Attributes([{"images": 0.0, "targets": 1}] * 32)
    cfg.merge_from_list(["DATASETS.NAMES", ("Nowhere",), "DATALOADER.SAMPLER_TRAIN", "TrainingSampler"])
    loader = build_reid_train_loader(cfg, train_set=images)
    assert loader.dataset is images and isinstance(loader.batch_sampler.sampler, TrainingSampler)
    assert len(next(iter(loader))["targets"]) == 16
    loader, num_query = build_reid_test_loader(cfg, test_set=images, num_query=5)
    assert loader.dataset is images and num_query == 5 and loader.num_workers == 0


def test_a_sampler_of_the_script_is_taken_as_it_is(cfg):
    sampler = TrainingSampler(20)
    cfg.merge_from_list(["DATALOADER.SAMPLER_TRAIN", "its own"])
    assert build_reid_train_loader(cfg=cfg, sampler=sampler).batch_sampler.sampler is sampler
