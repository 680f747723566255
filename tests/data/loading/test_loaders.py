from itertools import islice

import pytest
import torch
from torch.utils.data import DataLoader

from dcac_fastreid import data
from dcac_fastreid.data import EpochSampler, images
from dcac_fastreid.data.loading.cached_loaders import CachedTrainLoader
from dcac_fastreid.errors import InputError

MARKET, DUKE = "Market-1501-v15.09.15", "DukeMTMC-reID"


@pytest.fixture
def make(make_cfg, lay_out, draw, tmp_path):
    """A config that trains on Market (2 people, 12 images) in batches of 4, and tests on Duke."""
    lay_out(tmp_path / MARKET, "DG_Market1501")
    shots = (f"{person:04d}_c1s1_{shot:06d}_00.jpg" for person in (1, 2) for shot in range(4))
    draw(tmp_path / MARKET / "bounding_box_train", *shots)
    lay_out(tmp_path / DUKE, "DG_DukeMTMC")

    def make(*opts):
        names = (
            "DATASETS.ROOT",
            str(tmp_path),
            "DATASETS.NAMES",
            ("DG_Market1501",),
            "DATASETS.TESTS",
            ("DG_DukeMTMC",),
        )
        batch = ("SOLVER.IMS_PER_BATCH", 4, "DATALOADER.NUM_INSTANCE", 2, "DATALOADER.NUM_WORKERS", 0, "SEED", 3)
        return make_cfg("ma_ms.yml", *names, *batch, *opts)

    return make


def paths(loader, batches):
    return [path for batch in islice(loader, batches) for path in batch["img_paths"]]


@pytest.fixture
def decoded(monkeypatch):
    """The paths of the images that are decoded."""
    paths, decode = [], images.decode_image
    monkeypatch.setattr(images, "decode_image", lambda file, name: paths.append(name) or decode(file, name))
    return paths


def assert_same_batches(one, other):
    for batch, again in zip(one, other, strict=True):
        assert batch.keys() == again.keys() and batch["img_paths"] == again["img_paths"]
        for key in ("images", "targets", "camids"):
            assert batch[key].dtype == again[key].dtype and torch.equal(batch[key], again[key])


@pytest.mark.parametrize("cached", [True, False])
def test_training_follows_the_plan_of_the_epochs(make, cached):
    loader = data.build_train_loader(make("DATALOADER.CACHE_IMAGES", cached))
    sampler = loader.batch_sampler.sampler
    assert isinstance(sampler, EpochSampler) and loader.batch_sampler.batch_size == 4
    planned = [loader.dataset.img_items[index][0] for epoch in (0, 1) for index in sampler.epoch_indices(epoch)]
    assert paths(loader, 6) == planned
    sampler.begin_at(epoch=1, done=4)
    assert paths(loader, 2) == planned[16:]


def test_a_batch_is_the_same_whatever_was_loaded_before_it_and_wherever(make):
    """Its augmentation too; and nobody else's random numbers move."""
    first = list(islice(data.build_train_loader(make()), 5))
    torch.manual_seed(11)
    before = torch.get_rng_state()
    for opts in ((), *(("DATALOADER.CACHE_IMAGES", False, "DATALOADER.NUM_WORKERS", workers) for workers in (0, 2))):
        loader = data.build_train_loader(make(*opts))
        loader.batch_sampler.sampler.begin_at(epoch=1, done=0)
        assert_same_batches(first[3:], islice(loader, 2))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    "opts",
    [
        (),
        ("INPUT.SIZE_TRAIN", [60, 50], "INPUT.PADDING.SIZE", 7, "INPUT.FLIP.PROB", 0.2, "INPUT.REA.PROB", 0.9),
        ("INPUT.PADDING.ENABLED", False),
        ("INPUT.FLIP.ENABLED", False),
        ("INPUT.REA.ENABLED", False, "DATALOADER.SAMPLER_TRAIN", "TrainingSampler"),
    ],
)
def test_cached_batches_are_those_of_fast_reids_loader(make_cfg, opts):
    """In all pixels, of every augmentation, in two epochs of drawn people."""
    cached, host = (
        data.build_train_loader(make_cfg("ma_ms.yml", "SEED", 5, *opts, "DATALOADER.CACHE_IMAGES", value))
        for value in (True, False)
    )
    assert isinstance(cached, CachedTrainLoader) and isinstance(host, DataLoader)
    assert cached.dataset.img_items == host.dataset.img_items
    assert_same_batches(islice(cached, 6), islice(host, 6))


def test_cached_images_are_decoded_once_for_training_and_prototypes(make, decoded):
    cfg = make()
    loader = data.build_train_loader(cfg)
    plain = data.build_plain_train_loader(cfg, loader)
    assert decoded == []  # a run that only ends, or is only evaluated, needs none
    assert len(paths(loader, 9)) == 36 and len(paths(plain, None)) == 12
    assert sorted(decoded) == sorted(item[0] for item in loader.dataset.img_items)


def test_fast_reids_loader_is_taken_where_the_key_says_so(make, decoded):
    loader = data.build_train_loader(make("DATALOADER.CACHE_IMAGES", False, "DATALOADER.NUM_WORKERS", 2))
    assert isinstance(loader, DataLoader) and loader.num_workers == 2
    loader = data.build_train_loader(make("DATALOADER.CACHE_IMAGES", False))
    assert decoded == paths(loader, 6)


def test_and_where_an_augmentation_needs_it_with_one_line_in_the_log(make, logged):
    loader = data.build_train_loader(make("INPUT.CJ.ENABLED", True))
    assert isinstance(loader, DataLoader) and paths(loader, 1)
    assert [line for line in logged() if "CACHE_IMAGES is of no effect: INPUT.CJ.ENABLED" in line] == logged()[-1:]


@pytest.mark.parametrize(
    ("opts", "from_cache"),
    [
        ((), True),
        (("TEST.IMS_PER_BATCH", 20), True),
        (("INPUT.SIZE_TEST", [60, 50]), False),
        (("INPUT.AUTOAUG.ENABLED", True), False),
        (("DATALOADER.CACHE_IMAGES", False), False),
    ],
)
def test_the_plain_pass_is_that_of_the_test_transforms(make_cfg, decoded, opts, from_cache):
    """Every image once, whole; from the cache where its pixels are those."""
    cfg = make_cfg("ma_ms.yml", *opts)
    loader = data.build_train_loader(cfg)
    if from_cache:
        next(iter(loader))
        decoded.clear()
    plain = data.build_plain_train_loader(cfg, loader)
    batches = list(plain)
    assert (decoded == []) == from_cache and len(batches) == len(plain)
    assert [path for batch in batches for path in batch["img_paths"]] == [i[0] for i in loader.dataset.img_items]
    without = make_cfg("ma_ms.yml", *opts, "DATALOADER.CACHE_IMAGES", False)
    host = data.build_plain_train_loader(without, data.build_train_loader(without))
    assert_same_batches(batches, host)


def test_batches_come_on_the_models_device(make):
    cfg = make("MODEL.DEVICE", "meta")
    loader = data.build_train_loader(cfg)
    for one in (loader, data.build_plain_train_loader(cfg, loader)):
        assert {value.device.type for key, value in next(iter(one)).items() if key != "img_paths"} == {"meta"}


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_on_a_gpu_batches_are_those_of_the_cpu_and_nothing_is_waited_for(make_cfg):
    on_cpu, on_gpu = (data.build_train_loader(make_cfg("ma_ms.yml", "MODEL.DEVICE", name)) for name in ("cpu", "cuda"))
    iterator = iter(on_gpu)
    batches = [next(iterator)]
    torch.cuda.set_sync_debug_mode("error")
    try:
        batches += islice(iterator, 5)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    moved = [{key: value if key == "img_paths" else value.cpu() for key, value in batch.items()} for batch in batches]
    assert_same_batches(moved, islice(on_cpu, 6))


def test_training_reads_the_root_of_the_config_and_all_names(make, lay_out, tmp_path):
    lay_out(tmp_path / "cuhk03-np/detected", "DG_CUHK03NP")
    loader = data.build_train_loader(make("DATASETS.NAMES", ("DG_Market1501", "DG_CUHK03NP")))
    assert (loader.dataset.num_classes, len(loader.dataset)) == (4, 16)
    assert all(path.startswith(str(tmp_path)) for path, _, _ in loader.dataset.img_items)


def test_the_table_of_every_training_set_is_logged(make, monkeypatch):
    shown = []
    monkeypatch.setattr("fastreid.data.datasets.bases.logger.info", shown.append)
    data.build_train_loader(make("DATASETS.NAMES", ("DG_Market1501", "DG_DukeMTMC")))
    assert [name in table for name, table in zip(("DG_Market1501", "DG_DukeMTMC"), shown, strict=True)] == [True, True]


def test_fast_reids_own_data_sets_train_too(make):
    assert data.build_train_loader(make("DATASETS.NAMES", ("Market1501",))).dataset.num_classes == 2


def test_combineall_joins_the_splits(make):
    assert data.build_train_loader(make("DATASETS.COMBINEALL", True)).dataset.num_classes == 4


def test_a_loader_for_precise_bn_is_built_from_its_one_name(make):
    """As fast-reid's build_hooks asks for it."""
    cfg = make("DATASETS.NAMES", ("DG_Market1501", "DG_DukeMTMC")).clone()
    cfg.defrost()
    cfg.DATASETS.NAMES = tuple(["DG_DukeMTMC"])
    assert len(paths(data.build_train_loader(cfg), 1)) == 4


@pytest.mark.parametrize(
    ("opts", "message"),
    [
        (("DATALOADER.SAMPLER_TRAIN", "RandomSampler"), "'RandomSampler'; known are"),
        (("SOLVER.IMS_PER_BATCH", 6), "DG_Market1501 has 2 identities, a batch needs 3"),
    ],
)
def test_training_that_would_hang_is_refused(make, opts, message):
    with pytest.raises(InputError, match=message):
        data.build_train_loader(make(*opts))


def test_testing_refuses_what_cannot_be_scored(make, tmp_path):
    """fast-reid's own class, with an empty gallery."""
    for image in (tmp_path / MARKET / "bounding_box_test").iterdir():
        image.unlink()
    with pytest.raises(InputError, match="Market1501 has no gallery images"):
        data.build_test_loader(make(), "Market1501")


def break_one(tmp_path, part):
    image = sorted((tmp_path / part).iterdir())[0]
    image.write_bytes(image.read_bytes()[:-100])
    return str(image)


@pytest.mark.parametrize("cached", [True, False])
def test_a_corrupt_image_ends_the_training(make, tmp_path, cached):
    broken = break_one(tmp_path, f"{MARKET}/bounding_box_train")
    with pytest.raises(InputError, match=f"{broken} cannot be read"):
        paths(data.build_train_loader(make("DATALOADER.CACHE_IMAGES", cached)), 3 * 12)


def test_skip_corrupt_leaves_images_out_of_training_query_and_gallery(make, tmp_path, logged):
    parts = (f"{MARKET}/bounding_box_train", f"{DUKE}/query", f"{DUKE}/bounding_box_test")
    broken = [break_one(tmp_path, part) for part in parts]
    cfg = make("DATALOADER.SKIP_CORRUPT", True)
    train = data.build_train_loader(cfg)
    test, num_query = data.build_test_loader(cfg, "DG_DukeMTMC")
    assert (len(train.dataset), num_query, len(test.dataset)) == (11, 1, 1 + 3)
    assert not set(broken) & {item[0] for item in train.dataset.img_items + test.dataset.img_items}
    assert paths(train, 3) and paths(test, 1)
    counted = [line for line in logged() if "are left out" in line]
    assert [line.partition(":")[0] for line in counted] == [
        "DG_Market1501, train",
        "DG_DukeMTMC, query",
        "DG_DukeMTMC, gallery",
    ]
