"""Every layout that people have is recognised and counted, and linked so that fast-reid or our class reads all of it."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from dcac_fastreid.data.doctor import diagnose
from dcac_fastreid.data.readers.known_datasets import KNOWN_DATASETS
from dcac_fastreid.data.readers.read_dataset import read_dataset
from fastreid.data.datasets import DATASET_REGISTRY

from .layouts import LAYOUTS

HOSTS = {"DG_Market1501": "Market1501", "DG_DukeMTMC": "DukeMTMC", "DG_MSMT17": "MSMT17"}


def tree(folder: Path) -> dict[str, float]:
    return {str(path.relative_to(folder)): path.lstat().st_mtime_ns for path in folder.rglob("*")}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_is_recognised_linked_and_read(lay_out_as, tmp_path, layout):
    folder = lay_out_as(layout)
    before = tree(tmp_path / "data")
    report, root = diagnose(tmp_path / "data", link_to=tmp_path / "linked")
    (found,) = report.data_sets
    _, images, name, reader, target = LAYOUTS[layout]
    assert (found.name, found.reader, found.target) == (name, reader, target)
    assert found.folder == folder and report.can_start, report
    items = [item for split in found.splits.values() for item in split]
    assert len(items) == (7 if isinstance(images, tuple) else len([name for name in images if "/0000_3" not in name]))

    assert root == tmp_path / "linked" == found.root and os.path.lexists(root / target)
    dataset = read_dataset(reader, str(root))
    assert len(dataset.train) == len(found.splits["train"]) > 0
    assert len({item[1] for item in dataset.train}) == len({item[1] for item in found.splits["train"]})
    assert len(dataset.query) == len(found.splits.get("query", []))
    assert all(
        Path(item[0]).resolve().is_relative_to(folder) for item in dataset.train + dataset.query + dataset.gallery
    )
    assert tree(tmp_path / "data") == before, "the originals are not touched"


@pytest.mark.parametrize(
    "layout", ["Market anywhere", "Duke of CLIP-ReID", "MSMT17 of TransReID", "MSMT17, version 2", "Market of DCAC"]
)
def test_fast_reids_own_class_reads_what_was_linked(lay_out_as, tmp_path, layout):
    lay_out_as(layout)
    report, root = diagnose(tmp_path / "data", link_to=tmp_path / "linked", quick=True)
    host = DATASET_REGISTRY.get(HOSTS[report.data_sets[0].reader])(root=str(root))
    ours = report.data_sets[0].splits
    train = len(ours["train"]) - (host.dataset_name == "msmt17")  # it leaves list_val out
    assert (len(host.train), len(host.query), len(host.gallery)) == (train, len(ours["query"]), len(ours["gallery"]))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_data_sets_own_folder_will_do_as_well(lay_out_as, tmp_path, layout):
    folder = lay_out_as(layout)
    report, _ = diagnose(folder, quick=True)
    (found,) = report.data_sets
    assert (found.name, found.folder) == (LAYOUTS[layout][2], folder)


def test_a_root_with_several(lay_out_as, tmp_path):
    for layout in ("Market of torchreid", "CUHK03-NP, labeled", "iLIDS of its owners", "own photos with cameras"):
        lay_out_as(layout)
    report, _ = diagnose(tmp_path / "data", link_to=tmp_path / "linked", quick=True)
    names = {found.name for found in report.data_sets}
    assert names == {"Market1501", "CUHK03-NP, labeled boxes", "iLIDS", "own photos"} and report.can_start
    assert {found.root for found in report.data_sets} == {tmp_path / "linked"}


@pytest.mark.parametrize(
    ("layout", "root"),
    [
        ("Market of its owners", "data"),
        ("Market of torchreid", "data"),  # of the two that are right, the one that was asked about
        ("CUHK03-NP, detected", "data"),
        ("own photos", "data/photos"),
        ("GRID of fast-reid", "data"),
    ],
)
def test_what_lies_right_needs_no_links(lay_out_as, tmp_path, layout, root):
    lay_out_as(layout)
    report, _ = diagnose(tmp_path / "data", quick=True)
    assert report.can_start and report.data_sets[0].root == tmp_path / root


@pytest.mark.parametrize("layout", ["Market anywhere", "GRID of its owners", "CUHK02", "PRID of its owners"])
def test_what_no_class_finds_stops_a_training(lay_out_as, tmp_path, layout):
    folder = lay_out_as(layout)
    report, _ = diagnose(tmp_path / "data", quick=True)
    (stop,) = [finding for finding in report.data_sets[0].findings if finding.stops]
    assert not report.can_start and stop.kind == "place"
    assert (
        f"lies in {folder}, where {LAYOUTS[layout][3]} does not look; lay it out by links with --link" in stop.sentence
    )


def test_scenes_must_be_cut_first(draw_all, tmp_path):
    draw_all("data/cuhk-sysu", "Image/SSM/s1.jpg")
    report, _ = diagnose(tmp_path / "data", link_to=tmp_path / "linked")
    (stop,) = report.data_sets[0].findings
    assert stop.stops and stop.sentence.startswith(f"{tmp_path}/data/cuhk-sysu/Image/SSM holds whole scenes: cut")


def test_the_raw_file_of_cuhk03_is_recognised_and_left_to_fast_reid(tmp_path, monkeypatch):
    folder = tmp_path / "data" / "cuhk03"
    (folder / "cuhk03_release").mkdir(parents=True)
    (folder / "cuhk03_release" / "cuhk-03.mat").write_bytes(b"")
    (folder / "cuhk03_new_protocol_config_labeled.mat").write_bytes(b"")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "h5py" else name)
    report, _ = diagnose(tmp_path / "data")
    stops = [finding.sentence for finding in report.data_sets[0].findings if finding.stops]
    assert len(stops) == 2 and "has no cuhk03_new_protocol_config_detected.mat" in stops[0]
    assert "with h5py, not installed here: pip install h5py" in stops[1]

    (folder / "cuhk03_new_protocol_config_detected.mat").write_bytes(b"")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    report, root = diagnose(tmp_path / "data", link_to=tmp_path / "linked")
    assert report.can_start and (root / "cuhk03" / "cuhk03_release" / "cuhk-03.mat").is_file()
    assert not (root / "cuhk03").is_symlink(), "fast-reid writes its images there"


@pytest.mark.parametrize(("gallery", "boxes"), [(4, "labeled"), (5, "detected")])
def test_the_boxes_of_cuhk03_are_told_by_their_number_where_the_folder_does_not_tell(
    lay_out_as, tmp_path, monkeypatch, gallery, boxes
):
    """Four images lie in the gallery."""
    labeled = replace(KNOWN_DATASETS["DG_CUHK03NPLabeled"], counts={"gallery": (2, gallery)})
    monkeypatch.setitem(KNOWN_DATASETS, "DG_CUHK03NPLabeled", labeled)
    folder = lay_out_as("CUHK03-NP, labeled")
    folder.rename(folder.with_name("cuhk"))
    (found,) = diagnose(tmp_path / "data", quick=True)[0].data_sets
    assert (found.name, found.target) == (f"CUHK03-NP, {boxes} boxes", f"cuhk03-np/{boxes}")
    assert any(
        "does not say whether its boxes are detected or labeled" in finding.sentence for finding in found.findings
    )


def test_prids_higher_numbers_are_other_people_in_each_camera(lay_out_as, tmp_path):
    lay_out_as("PRID of its owners")
    _, root = diagnose(tmp_path / "data", link_to=tmp_path / "linked", quick=True)
    identities = sorted((item[1], item[2]) for item in read_dataset("PRID", str(root)).train)
    assert identities == [
        ("prid_0001", "prid_a"),
        ("prid_0001", "prid_b"),
        ("prid_a0201", "prid_a"),
        ("prid_b0201", "prid_b"),
    ]


def test_grids_nobody_is_not_one_person(lay_out_as, draw_all, tmp_path):
    lay_out_as("GRID of its owners")
    report, root = diagnose(tmp_path / "data", link_to=tmp_path / "linked", quick=True)
    assert len(read_dataset("GRID", str(root)).train) == 4
    assert "1 images in" in report.data_sets[0].findings[0].sentence and report.can_start
    shutil.rmtree(tmp_path / "data")
    lay_out_as("GRID of fast-reid")
    draw_all("data/underground_reid/images", "0000_3_1.jpeg")
    report, _ = diagnose(tmp_path / "data", quick=True)
    assert not report.can_start, "fast-reid's class would train on it"


@pytest.mark.parametrize(
    ("layout", "cameras"),
    [("iLIDS of DCAC", None), ("CUHK-SYSU, cut out", None), ("CUHK02", 10), ("VIPeR of its owners", 2)],
)
def test_cameras_are_counted_where_names_tell_them(lay_out_as, tmp_path, layout, cameras):
    lay_out_as(layout)
    assert diagnose(tmp_path / "data", quick=True)[0].data_sets[0].cameras == cameras


def test_nothing_known_is_a_finding(tmp_path):
    (tmp_path / "empty").mkdir()
    report, _ = diagnose(tmp_path / "empty")
    assert not report.can_start and report.findings[0].sentence.startswith(
        f"no data set is recognised in {tmp_path}/empty"
    )
