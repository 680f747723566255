"""The drawn world: read by the host's own dataset classes, the same for the same seed, neither solved nor hopeless."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import dcac_fastreid
from dcac_fastreid.synthetic import world
from dcac_fastreid.synthetic.domains import DOMAINS, Counts
from dcac_fastreid.synthetic.sheet import PAPER, sheet
from fastreid.data.datasets import DATASET_REGISTRY

HOST_CLASSES = {"market1501": "Market1501", "msmt17": "MSMT17"}
SMALL = Counts(train_ids=5, train_images=6, test_ids=4, queries=2, gallery=5)
SMALLEST = Counts(train_ids=1, train_images=2, test_ids=1, queries=1, gallery=2)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    world.draw_world(folder, seed=3, counts=SMALL, workers=1)
    return folder


@pytest.fixture(params=HOST_CLASSES)
def name(request):
    return request.param


def read(root, name, **options):
    """(training, query, gallery) items of the host's dataset class: path, person, camera."""
    dataset = DATASET_REGISTRY.get(HOST_CLASSES[name])(root=str(root), **options)
    return tuple(split() if callable(split) else split for split in (dataset.train, dataset.query, dataset.gallery))


def contents(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_host_reads_every_picture(root, name):
    train, query, gallery = read(root, name)
    assert Counter(Counter(pid for _, pid, _ in train).values()) == {6: 5}  # pictures per identity: identities
    assert Counter(Counter(pid for _, pid, _ in query).values()) == {2: 4}
    assert Counter(Counter(pid for _, pid, _ in gallery).values()) == {5: 4}
    for path, _, _ in train + query + gallery:
        with Image.open(path) as picture:
            picture.load()
            assert picture.format == "JPEG" and picture.mode == "RGB"


def test_host_reads_the_persons_and_cameras_of_the_plan(root, name):
    planned = world.plan(name, 3, SMALL)
    for split, items in zip(("train", "query", "gallery"), read(root, name), strict=True):
        expected = Counter((shot.label, shot.camera) for shot in planned if shot.split == split)
        numbers = [(int(str(pid).split("_")[-1]), int(str(camera).split("_")[-1])) for _, pid, camera in items]
        offset = min(
            pid for pid, _ in numbers
        )  # Market counts on from the training people, the host does so for MSMT17
        assert Counter((pid - offset, camera) for pid, camera in numbers) == expected


def test_msmt17_counts_persons_from_0_and_lists_a_validation_split(root):
    train = read(root, "msmt17")[0]
    assert {pid for _, pid, _ in train} == {f"msmt17_{person}" for person in range(5)}
    assert len(read(root, "msmt17", combineall=True)[0]) > len(train)
    for split, pictures in {"train": 30, "val": 5, "query": 8, "gallery": 20}.items():
        lines = (root / "MSMT17_V1" / f"list_{split}.txt").read_text().split("\n")
        assert lines.pop() == "" and len(lines) == pictures
        assert all(line.count(" ") == 1 and line.split(" ")[1].isdigit() for line in lines)


def test_training_and_test_people_are_different_people(root, name):
    train, query, gallery = read(root, name)
    trained = {int(pid.split("_")[-1]) for _, pid, _ in train}
    assert trained.isdisjoint({pid for _, pid, _ in query + gallery})
    persons = {kind: {shot.person for shot in world.plan(name, 3, SMALL) if shot.split in kind} for kind in
               (("train", "val"), ("query", "gallery"))}  # fmt: skip
    assert set.isdisjoint(*persons.values())


def test_every_query_has_a_match_from_another_camera(name):
    for seed in range(20):
        shots = world.plan(name, seed, SMALLEST)
        for query in (shot for shot in shots if shot.split == "query"):
            matches = [
                s for s in shots if (s.split, s.person) == ("gallery", query.person) and s.camera != query.camera
            ]
            assert matches


def test_picture_sizes_are_those_of_the_real_data_sets(root):
    sizes = {}
    for name in HOST_CLASSES:
        sizes[name] = set()
        for path in (root / DOMAINS[name].layout.folder).rglob("*.jpg"):
            with Image.open(path) as picture:
                sizes[name].add(picture.size)
    assert sizes["market1501"] == {(64, 128)}
    assert len(sizes["msmt17"]) > 20
    assert all(1.7 < rows / columns < 3.1 for columns, rows in sizes["msmt17"])


def test_same_seed_gives_the_same_bytes_in_other_processes(tmp_path):
    world.draw_world(tmp_path / "here", seed=5, counts=SMALLEST, workers=1)
    world.draw_world(tmp_path / "workers", seed=5, counts=SMALLEST, workers=2)
    # The package's own __init__ imports torch, which takes seconds and is not needed to draw.
    code = (
        "import sys, types; from pathlib import Path\n"
        "package = sys.modules['dcac_fastreid'] = types.ModuleType('dcac_fastreid')\n"
        "package.__path__ = [sys.argv[1]]\n"
        "from dcac_fastreid.synthetic import domains, world\n"
        "world.draw_world(Path(sys.argv[2]), seed=5, counts=domains.Counts(1, 2, 1, 1, 2), workers=1)"
    )
    command = [sys.executable, "-c", code, str(Path(dcac_fastreid.__file__).parent), str(tmp_path / "elsewhere")]
    subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": "7"}, check=True)
    expected = contents(tmp_path / "here")
    assert len(expected) == 15  # 5 pictures of Market-1501; 6 of MSMT17 and its 4 lists
    assert contents(tmp_path / "workers") == expected
    assert contents(tmp_path / "elsewhere") == expected


def test_a_picture_does_not_depend_on_the_other_domains(tmp_path, root):
    world.draw_world(tmp_path, seed=3, counts=SMALL, domains=["msmt17"], workers=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["MSMT17_V1"]
    assert contents(tmp_path / "MSMT17_V1") == contents(root / "MSMT17_V1")


def test_another_seed_draws_other_people_elsewhere(tmp_path, root):
    world.draw_world(tmp_path, seed=4, counts=SMALL, workers=1)
    pictures = [
        {data for path, data in contents(folder).items() if path.endswith(".jpg")} for folder in (root, tmp_path)
    ]
    assert all(pictures) and pictures[0].isdisjoint(pictures[1])
    people = [world.person_of(name, seed, number) for name in DOMAINS for seed in (3, 4) for number in range(9)]
    assert len({(person.top, person.skin, person.shoes) for person in people}) == len(people)
    assert world.plan("msmt17", 3, SMALL) != world.plan("msmt17", 4, SMALL)


def test_cached_world_is_drawn_once_per_seed_and_version(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(world, "draw_world", lambda folder, seed: drawn.append(seed))
    first = world.cached_world(tmp_path, 0)
    assert world.cached_world(tmp_path, 0) == first and world.cached_world(tmp_path, 1) != first
    monkeypatch.setattr(world, "VERSION", world.VERSION + 1)
    assert world.cached_world(tmp_path, 0) != first
    assert drawn == [0, 1, 0]


def test_impossible_worlds_are_refused(tmp_path):
    with pytest.raises(ValueError, match="seed is -1"):
        world.draw_world(tmp_path, seed=-1)
    with pytest.raises(ValueError, match="at least 2 gallery"):
        world.draw_world(tmp_path, seed=0, counts=Counts(gallery=1))
    assert list(tmp_path.iterdir()) == []


def test_sheet_shows_one_picture_per_person_and_camera(root):
    page = np.asarray(sheet(root, people=3))
    cells = sum(len({(s.person, s.camera) for s in world.plan(name, 3, SMALL) if s.person < 3}) for name in DOMAINS)
    assert page.shape == (2 * (44 + 3 * 144), 44 + 15 * 80, 3)
    corners = [strip[44 + 144 * row + 5, 44 + 80 * column + 5] for strip in np.split(page, 2) for row in range(3)
               for column in range(15) if 44 + 80 * column < strip.shape[1]]  # fmt: skip
    assert sum(tuple(corner) != PAPER for corner in corners) == cells


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    """The default number of test people."""
    folder = tmp_path_factory.mktemp("crowd")
    world.draw_world(folder, seed=0, counts=Counts(train_ids=1, train_images=2))
    return folder


def test_people_are_told_apart_by_clothes_and_not_by_background(crowd, name):
    _, query, gallery = read(crowd, name)
    borders = mean_average_precision(query, gallery, (slice(None), np.r_[0:8, 56:64]))
    middle = mean_average_precision(query, gallery, (slice(10, 118), slice(16, 48)))
    # 2.6 % is what 10 matches among 400 pictures give by chance. Light, casts and poses keep colours from settling it.
    assert borders < 0.05
    assert 0.08 < middle < 0.25


def mean_average_precision(query, gallery, window):
    """Of cosines between the colour histograms of six horizontal stripes of a window of the pictures."""
    features = [np.stack([stripe_histograms(path, window) for path, _, _ in items]) for items in (query, gallery)]
    persons, cameras = (np.array([item[i] for item in gallery]) for i in (1, 2))
    precisions = []
    for (_, person, camera), similarity in zip(query, features[0] @ features[1].T, strict=True):
        counts = ~((persons == person) & (cameras == camera))
        matches = (persons == person)[counts][np.argsort(-similarity[counts], kind="stable")]
        ranks = np.flatnonzero(matches) + 1
        precisions.append(np.mean(np.arange(1, len(ranks) + 1) / ranks))
    return float(np.mean(precisions))


def stripe_histograms(path, window):
    with Image.open(path) as picture:
        pixels = np.asarray(picture.resize((64, 128)))[window] // 32
    bins = pixels @ np.array([64, 8, 1])
    stripes = [np.bincount(stripe.ravel(), minlength=512) / stripe.size for stripe in np.array_split(bins, 6)]
    return np.sqrt(np.concatenate(stripes) / 6)  # unit length
