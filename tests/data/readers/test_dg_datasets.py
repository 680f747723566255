import shutil
from dataclasses import replace

import pytest

from dcac_fastreid import data
from dcac_fastreid.data.readers import dg_datasets
from dcac_fastreid.data.readers.dg_datasets import (
    DG_CUHK03NP,
    DG_MSMT17,
    DG_CUHK03NPLabeled,
    DG_DukeMTMC,
    DG_Market1501,
)
from dcac_fastreid.data.readers.known_datasets import BOXES, KNOWN_DATASETS
from dcac_fastreid.data.readers.read_dataset import read_dataset
from dcac_fastreid.errors import InputError
from dcac_fastreid.synthetic import data_set
from dcac_fastreid.warn_once import warn_once
from fastreid.data.datasets import DATASET_REGISTRY
from fastreid.data.datasets.dukemtmcreid import DukeMTMC
from fastreid.data.datasets.market1501 import Market1501
from fastreid.data.datasets.msmt17 import MSMT17

MARKET = "Market-1501-v15.09.15"
FORMS = [(name, *form) for name, known in KNOWN_DATASETS.items() if name.startswith("DG_") for form in known.forms]


def labels(items):
    return [(person, camera) for _, person, camera in items]


@pytest.mark.parametrize(("name", "folder", "parts"), FORMS, ids=[f"{name}-{at}-{len(p)}" for name, at, p in FORMS])
def test_every_layout_is_read(lay_out, lay_out_lists, tmp_path, name, folder, parts):
    if parts == BOXES:
        lay_out(tmp_path / folder, name)
        expected = [(1, 0), (1, 1), (2, 0), (2, 1)], [(3, 0), (4, 0)], [(3, 0), (3, 1), (4, 0), (4, 1)]
    else:
        lay_out_lists(tmp_path / folder, *parts[:2])
        expected = [(0, 0), (0, 13), (1, 0), (1, 13), (0, 2)], [(0, 0), (1, 0)], [(0, 13), (1, 14)]
    dataset = DATASET_REGISTRY.get(name)(root=str(tmp_path))
    assert labels(dataset.query) == expected[1] and labels(dataset.gallery) == expected[2]
    prefix = dataset.dataset_name
    assert labels(dataset.train) == [(f"{prefix}_{person}", f"{prefix}_{camera}") for person, camera in expected[0]]


def test_a_parent_folder_relabels_nothing(lay_out, tmp_path):
    """fast-reid looks for person and camera in the whole path."""
    root = tmp_path / "exp_12_c3"
    lay_out(root / MARKET, "DG_Market1501")
    assert set(labels(Market1501(root=str(root)).train)) == {("market1501_12", "market1501_2")}
    assert {person for person, _ in labels(DG_Market1501(root=str(root)).train)} == {"market1501_1", "market1501_2"}


@pytest.mark.parametrize(
    ("host", "ours", "folder"), [(Market1501, DG_Market1501, MARKET), (DukeMTMC, DG_DukeMTMC, "DukeMTMC-reID")]
)
def test_same_items_as_fast_reid_in_sorted_order(lay_out, draw, tmp_path, host, ours, folder):
    lay_out(tmp_path / folder, ours.__name__)
    if ours is DG_Market1501:
        draw(tmp_path / folder / "bounding_box_test", "0000_c1s1_000001_01.jpg", "-1_c1s1_000001_01.jpg")
    theirs, dataset = host(root=str(tmp_path)), ours(root=str(tmp_path))
    assert dataset.train == sorted(theirs.train)
    assert dataset.query == sorted(theirs.query)
    assert dataset.gallery == sorted(theirs.gallery)


def test_fast_reid_reads_jpg_alone(lay_out, draw, tmp_path):
    lay_out(tmp_path / MARKET, "DG_Market1501")
    draw(tmp_path / MARKET / "query", "0003_c3s1_000001_00.JPG", "0003_c4s1_000001_00.png")
    assert len(Market1501(root=str(tmp_path)).query) == 2
    assert len(DG_Market1501(root=str(tmp_path)).query) == 4


def test_msmt17_trains_on_both_lists_and_counts_test_people_from_0(lay_out_lists, tmp_path):
    """fast-reid leaves list_val out and shifts the test people; they are the same people."""
    lay_out_lists(tmp_path / "MSMT17_V1")
    theirs, ours = MSMT17(root=str(tmp_path)), DG_MSMT17(root=str(tmp_path))
    assert (len(theirs.train), len(ours.train)) == (4, 5)
    assert ours.train[:4] == theirs.train
    shift = len({person for _, person, _ in theirs.train})
    for split in ("query", "gallery"):
        assert [(path, person + shift, camera) for path, person, camera in getattr(ours, split)] == getattr(
            theirs, split
        )


def test_boxes_of_msmt17_may_keep_their_original_names(draw, tmp_path):
    """As in public code that reads msmt17/bounding_box_train/1040_008_13_0302morning_0119_0.jpg."""
    for part in BOXES:
        draw(tmp_path / "MSMT17" / part, "1040_008_13_0302morning_0119_0.jpg", "0000_c14_0030.jpg")
    assert labels(DG_MSMT17(root=str(tmp_path)).gallery) == [(1040, 12), (0, 13)][::-1]


def test_joined_splits_of_msmt17_share_no_person(lay_out_lists, tmp_path):
    lay_out_lists(tmp_path / "MSMT17_V1")
    joined = DATASET_REGISTRY.get("DG_MSMT17")(root=str(tmp_path), combineall=True).train
    assert {person for person, _ in labels(joined)} == {"msmt17_0", "msmt17_1", "msmt17_test_0", "msmt17_test_1"}


def test_joined_splits_of_market_leave_the_distractors_out_as_fast_reid_does(lay_out, draw, tmp_path):
    lay_out(tmp_path / MARKET, "DG_Market1501")
    draw(tmp_path / MARKET / "bounding_box_test", "0000_c1s1_000001_01.jpg")
    theirs = Market1501(root=str(tmp_path), combineall=True).train
    ours = DATASET_REGISTRY.get("DG_Market1501")(root=str(tmp_path), combineall=True).train
    assert sorted(ours) == sorted(theirs)


def test_detected_and_labeled_boxes_are_two_folders_of_the_same_people(lay_out, tmp_path):
    lay_out(tmp_path / "cuhk03-np/detected", "DG_CUHK03NP")
    lay_out(tmp_path / "cuhk03-np/labeled", "DG_CUHK03NP")
    detected, labeled = DG_CUHK03NP(root=str(tmp_path)).train, DG_CUHK03NPLabeled(root=str(tmp_path)).train
    assert labels(detected) == labels(labeled)
    assert "/detected/" in detected[0][0] and "/labeled/" in labeled[0][0]


@pytest.mark.parametrize("part", BOXES)
def test_a_missing_part_is_named(lay_out, tmp_path, part):
    lay_out(tmp_path / "DukeMTMC-reID", "DG_DukeMTMC")
    shutil.rmtree(tmp_path / "DukeMTMC-reID" / part)
    with pytest.raises(InputError, match=f"DG_DukeMTMC is not complete: no {part} in .*DukeMTMC-reID; get it from"):
        DG_DukeMTMC(root=str(tmp_path))


def test_a_missing_list_is_named(lay_out_lists, tmp_path):
    lay_out_lists(tmp_path / "MSMT17_V2", "mask_train_v2", "mask_test_v2")
    (tmp_path / "MSMT17_V2" / "list_val.txt").unlink()
    with pytest.raises(InputError, match="no list_val.txt in .*MSMT17_V2; get it from"):
        DG_MSMT17(root=str(tmp_path))


def test_other_counts_than_the_literatures_are_a_warning_once_in_a_run(lay_out, tmp_path, logged):
    warn_once.cache_clear()
    lay_out(tmp_path / MARKET, "DG_Market1501")
    for _ in range(2):
        DG_Market1501(root=str(tmp_path))
    warnings = [line for line in logged() if "literature" in line]
    assert len(warnings) == 3
    assert warnings[0].startswith("DG_Market1501, train: 2 identities and 4 images, expected 751 and 12,936")
    assert warnings[1].startswith("DG_Market1501, query: 2 identities and 2 images, expected 750 and 3,368")


def test_the_literatures_counts_are_no_warning(lay_out, tmp_path, logged, monkeypatch):
    counts = {"train": (2, 4), "query": (2, 2), "gallery": (2, 4)}
    monkeypatch.setitem(KNOWN_DATASETS, "DG_Market1501", replace(KNOWN_DATASETS["DG_Market1501"], counts=counts))
    lay_out(tmp_path / MARKET, "DG_Market1501")
    warn_once.cache_clear()
    DG_Market1501(root=str(tmp_path))
    assert logged() == [f"DG_Market1501 is read from {tmp_path / MARKET}"]


def test_a_synthetic_data_set_is_not_compared_with_the_literature(lay_out, tmp_path, logged):
    lay_out(tmp_path / MARKET, "DG_Market1501")
    (tmp_path / "drawn-world.json").write_text("{}")
    warn_once.cache_clear()
    DG_Market1501(root=str(tmp_path))
    assert logged() == [f"DG_Market1501 is read from {tmp_path / MARKET}"]


def test_a_silent_look_logs_nothing(lay_out, tmp_path, logged):
    lay_out(tmp_path / MARKET, "DG_Market1501")
    warn_once.cache_clear()
    DG_Market1501(root=str(tmp_path), verbose=False)
    assert logged() == []


def test_the_mark_of_a_synthetic_data_set_is_the_generators():
    assert dg_datasets.SYNTHETIC_MARK == data_set.MARK


def test_inside_of_read_once_lists_are_read_once(tiny_data, monkeypatch):
    read, walk = [], dg_datasets.read_folder
    monkeypatch.setattr(dg_datasets, "read_folder", lambda folder, naming: read.append(folder) or walk(folder, naming))
    with data.read_once():
        first = read_dataset("DG_Market1501", str(tiny_data))
        with data.read_once():
            for _ in range(2):
                registered = DATASET_REGISTRY.get("DG_Market1501")(root=str(tiny_data))
        assert len(read) == len(set(read)) and registered.train == first.train
    read_dataset("DG_Market1501", str(tiny_data))
    assert len(read) == 2 * len(set(read))
