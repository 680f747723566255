"""The synthetic data set: the same for the same seed, tells what it is, neither solved nor hopeless."""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

import dcac_fastreid
from dcac_fastreid.errors import InputError
from dcac_fastreid.synthetic import boxes, data_set
from dcac_fastreid.synthetic.difficulty import PRESETS, Difficulty
from dcac_fastreid.synthetic.domains import DOMAINS, Counts
from dcac_fastreid.synthetic.plan import plan

SMALLEST = Counts(train_ids=1, train_images=2, test_ids=1, queries=1, gallery=2)


def contents(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_same_seed_gives_the_same_bytes_in_other_processes(tmp_path):
    data_set.make_data_set(tmp_path / "here", seed=5, counts=SMALLEST, workers=1)
    data_set.make_data_set(tmp_path / "workers", seed=5, counts=SMALLEST, workers=2)
    # The package's own __init__ imports torch, which takes seconds and is not needed here.
    code = (
        "import sys, types; from pathlib import Path\n"
        "package = sys.modules['dcac_fastreid'] = types.ModuleType('dcac_fastreid')\n"
        "package.__path__ = [sys.argv[1]]\n"
        "from dcac_fastreid.synthetic import domains, data_set\n"
        "data_set.make_data_set(Path(sys.argv[2]), seed=5, counts=domains.Counts(1, 2, 1, 1, 2), workers=1)"
    )
    command = [sys.executable, "-c", code, str(Path(dcac_fastreid.__file__).parent), str(tmp_path / "elsewhere")]
    subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": "7"}, check=True)
    expected = contents(tmp_path / "here")
    # 5 images of every domain, a junk one of Market-1501, a validation one and 4 lists of MSMT17, and the mark
    assert len(expected) == 4 * 5 + 1 + 5 + 1
    assert contents(tmp_path / "workers") == expected
    assert contents(tmp_path / "elsewhere") == expected


def test_an_image_does_not_depend_on_the_other_domains(tmp_path, small_data, small_counts):
    data_set.make_data_set(tmp_path, seed=3, counts=small_counts, domains=["cuhk03np"], workers=1)
    assert {path.name for path in tmp_path.iterdir()} == {"cuhk03-np", "drawn-world.json"}
    assert contents(tmp_path / "cuhk03-np") == contents(small_data / "cuhk03-np")


def test_another_seed_has_other_people_elsewhere(tmp_path, small_data, small_counts):
    data_set.make_data_set(tmp_path, seed=4, counts=small_counts, domains=["market1501"], workers=1)
    images = [set(contents(folder / "Market-1501-v15.09.15").values()) for folder in (small_data, tmp_path)]
    assert all(images) and images[0].isdisjoint(images[1])
    people = [data_set.person_of(name, seed, number) for name in DOMAINS for seed in (3, 4) for number in range(9)]
    assert len({(person.breadth, person.skin, person.shoes) for person in people}) == len(people)
    assert plan("msmt17", 3) != plan("msmt17", 4)


def test_the_mark_tells_what_was_made(small_data):
    mark = json.loads((small_data / "drawn-world.json").read_text())
    assert (mark["version"], mark["seed"], mark["difficulty"]) == (data_set.VERSION, 3, "default")
    assert set(mark["domains"]) == set(DOMAINS) and mark["factors"] == asdict(PRESETS["default"])
    assert mark["domains"]["dukemtmc"] == {
        "train": {"identities": 5, "images": 30},
        "query": {"identities": 4, "images": 8},
        "gallery": {"identities": 4, "images": 20},
        "validation": {"identities": 2, "images": 6},
    }
    for name, splits in mark["domains"].items():
        files = list((small_data / DOMAINS[name].layout.folder).rglob("*.[jp][pn]g"))
        assert len(files) == sum(split["images"] for split in splits.values())


def test_the_mark_is_written_last(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError("no space left")

    monkeypatch.setattr(data_set, "image_of", fail)
    with pytest.raises(OSError):
        data_set.make_data_set(tmp_path, seed=0, counts=SMALLEST, workers=1)
    assert not (tmp_path / "drawn-world.json").exists()


def test_the_mark_tells_factors_of_ones_own(tmp_path):
    data_set.make_data_set(tmp_path, 0, Difficulty(blur=2), SMALLEST, ["dukemtmc"], workers=1)
    mark = json.loads((tmp_path / "drawn-world.json").read_text())
    assert mark["difficulty"] == "custom" and mark["factors"]["blur"] == 2


def test_a_cached_data_set_is_made_once_per_seed_difficulty_and_version(tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(data_set, "make_data_set", lambda folder, seed, difficulty: made.append((seed, difficulty)))
    first = data_set.cached_data_set(tmp_path, 0)
    assert data_set.cached_data_set(tmp_path, 0) == first == data_set.cached_data_set(tmp_path, 0, "default")
    assert len({first, data_set.cached_data_set(tmp_path, 1), data_set.cached_data_set(tmp_path, 0, "hard")}) == 3
    monkeypatch.setattr(data_set, "VERSION", data_set.VERSION + 1)
    assert data_set.cached_data_set(tmp_path, 0) != first
    assert made == [(0, PRESETS["default"]), (1, PRESETS["default"]), (0, PRESETS["hard"]), (0, PRESETS["default"])]


def test_a_negative_seed_is_refused(tmp_path):
    with pytest.raises(InputError, match="seed is -1, expected a whole number from 0 upwards"):
        data_set.make_data_set(tmp_path, seed=-1)
    assert list(tmp_path.iterdir()) == []


def test_junk_is_the_test_people_badly_boxed_and_distractors_are_strangers_and_background(monkeypatch):
    monkeypatch.setattr(data_set, "render_image", lambda person, *others: (person, others[-1]))
    taken = {"gallery": [], "junk": [], "distractors": []}
    for shot in plan("market1501", 0):
        if shot.split in taken:
            taken[shot.split].append((shot.person, *data_set.image_of("market1501", 0, shot)))
    people = {number: data_set.person_of("market1501", 0, number) for number in range(60, 100)}
    assert all(person == people[number] and box is boxes.detected for number, person, box in taken["gallery"])
    assert all(person == people[number] and box is boxes.junk for number, person, box in taken["junk"])
    shown = [person for _, person, _ in taken["distractors"]]
    assert 0.3 < shown.count(None) / len(shown) < 0.7
    assert set(shown).isdisjoint(people.values())


# One of the four; the others in make test-slow.
@pytest.mark.parametrize(
    "name",
    [name if name == "market1501" else pytest.param(name, marks=pytest.mark.slow) for name in DOMAINS],
)
def test_people_are_told_apart_by_clothes_and_not_by_background(name):
    crowd = Counts(train_ids=0, train_images=0, test_ids=36, queries=1, gallery=5)
    shots = [shot for shot in plan(name, 0, crowd) if shot.split in ("query", "gallery")]
    alike = Difficulty()  # cameras that render colours much alike; those of the default data set hide them, see below
    images = [np.asarray(data_set.image_of(name, 0, shot, alike).resize((64, 128))) for shot in shots]
    chance = 0.035  # about 4 matches among 180 images, at random
    borders = mean_average_precision(shots, images, (slice(None), np.r_[0:8, 56:64]))
    middle = mean_average_precision(shots, images, (slice(10, 118), slice(14, 50)))
    whole = mean_average_precision(shots, images, (slice(None), slice(None)))
    assert borders < 2 * chance < whole
    assert 4 * chance < middle < 0.5  # light, casts and poses keep colours from settling it
    hidden = [np.asarray(data_set.image_of(name, 0, shot).resize((64, 128))) for shot in shots]
    assert mean_average_precision(shots, hidden, (slice(10, 118), slice(14, 50))) < 0.5 * middle


def mean_average_precision(shots, images, window):
    """Of cosines between the colour histograms of the upper and of the lower half of a window of the images."""
    features = np.stack([half_histograms(image[window]) for image in images])
    identities, cameras = np.array([shot.person for shot in shots]), np.array([shot.camera for shot in shots])
    gallery = np.array([shot.split == "gallery" for shot in shots])
    precisions = []
    for query in np.flatnonzero(~gallery):
        counts = gallery & ~((identities == identities[query]) & (cameras == cameras[query]))
        order = np.argsort(-(features[counts] @ features[query]), kind="stable")
        ranks = np.flatnonzero((identities[counts] == identities[query])[order]) + 1
        precisions.append(np.mean(np.arange(1, len(ranks) + 1) / ranks))
    return float(np.mean(precisions))


def half_histograms(pixels):
    bins = pixels // 32 @ np.array([64, 8, 1])
    halves = [np.bincount(half.ravel(), minlength=512) / half.size for half in np.array_split(bins, 2)]
    return np.sqrt(np.concatenate(halves) / 2)  # unit length
