"""The synthetic domains lie on disk as the real data sets do: fast-reid's own dataset classes read them."""

import re
from collections import Counter

import pytest
from PIL import Image

import dcac_fastreid  # noqa: F401  first: it makes fast-reid importable
from dcac_fastreid.data.readers import dg_datasets
from dcac_fastreid.synthetic import layouts
from dcac_fastreid.synthetic.domains import DOMAINS, Counts
from dcac_fastreid.synthetic.plan import plan
from fastreid.data.datasets import DATASET_REGISTRY

HOST_CLASSES = {"market1501": "Market1501", "dukemtmc": "DukeMTMC", "msmt17": "MSMT17"}
SPLITS = ("train", "query", "gallery")


def read(root, name, **options):
    """Training, query and gallery: (path, person, camera) as fast-reid's class delivers them."""
    if name == "cuhk03np":  # no class of fast-reid's reads the new protocol's folders
        return {split: read_cuhk03np(root / "cuhk03-np" / "detected", split) for split in SPLITS}
    dataset = DATASET_REGISTRY.get(HOST_CLASSES[name])(root=str(root), **options)
    return {split: getattr(dataset, split) for split in SPLITS}


def read_cuhk03np(folder, split):
    folder = folder / {"train": "bounding_box_train", "query": "query", "gallery": "bounding_box_test"}[split]
    names = {path: re.fullmatch(r"(\d{4})_c([12])_\d+\.png", path.name) for path in folder.iterdir()}
    return [(str(path), int(name[1]), int(name[2]) - 1) for path, name in names.items()]


def number(label):
    """Training labels are texts such as dukemtmc_5."""
    return int(str(label).split("_")[-1])


@pytest.mark.parametrize("name", DOMAINS)
def test_images_people_and_cameras_are_those_of_the_plan(small_data, small_counts, name):
    shots = plan(name, 3, small_counts)
    first = 0 if name == "msmt17" else 1  # number of the first person; test people go on from the training people
    for split, items in read(small_data, name).items():
        expected = Counter((shot.person + first, shot.camera) for shot in shots if shot.split == split)
        found = Counter((number(person), number(camera)) for _, person, camera in items)
        distractors = Counter({key: times for key, times in found.items() if name == "market1501" and key[0] == 0})
        assert found - distractors == expected
        assert len({path for path, _, _ in items}) == len(items)


@pytest.mark.parametrize("name", DOMAINS)
def test_counts_are_those_asked_for(small_data, name):
    items = read(small_data, name)
    distractors = [pid for _, pid, _ in items["gallery"] if name == "market1501" and pid == 0]
    assert len(distractors) == (4 if name == "market1501" else 0)  # 0.2 x 4 identities x 5 images
    for split, (identities, images) in {"train": (5, 6), "query": (4, 2), "gallery": (4, 5)}.items():
        found = Counter(pid for _, pid, _ in items[split] if pid not in distractors)
        assert Counter(found.values()) == {images: identities}


@pytest.mark.parametrize("name", DOMAINS)
def test_training_and_test_people_are_different_people(small_data, name):
    items = read(small_data, name)
    identities = {split: {number(pid) for _, pid, _ in items[split]} for split in SPLITS}
    assert identities["train"].isdisjoint(identities["query"] | identities["gallery"])
    assert identities["query"] <= identities["gallery"]


@pytest.mark.parametrize(
    "name, ours", list(zip(DOMAINS, ("DG_Market1501", "DG_DukeMTMC", "DG_CUHK03NP", "DG_MSMT17"), strict=True))
)
def test_validation_people_are_read_by_our_classes_and_are_in_no_other_split(small_data, tmp_path, name, ours):
    dataset = DATASET_REGISTRY.get(ours)(root=str(small_data))
    planned = {str(shot.person) for shot in plan(name, 3, Counts(5, 6, 4, 2, 5, 2, 3)) if shot.split == "validation"}
    first = 0 if name == "msmt17" else 1
    assert Counter(number(person) - first for _, person, _ in dataset.validation) == {
        int(person): 3 for person in planned
    }
    labels = [{person for _, person, _ in items} for items in (dataset.train, dataset.validation)]
    assert len(labels[1]) == 2 and labels[0].isdisjoint(labels[1])
    paths = [
        {path for path, *_ in items} for items in (dataset.train + dataset.query + dataset.gallery, dataset.validation)
    ]
    assert paths[0].isdisjoint(paths[1])
    (tmp_path / DOMAINS[name].layout.folder).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / DOMAINS[name].layout.folder).symlink_to(small_data / DOMAINS[name].layout.folder)
    assert DATASET_REGISTRY.get(ours)(root=str(tmp_path)).validation == [], (
        "a data root that is not marked as synthetic"
    )


def test_readers_know_the_folder_of_the_validation_people():
    assert dg_datasets.VALIDATION == layouts.VALIDATION


@pytest.mark.parametrize("name", DOMAINS)
def test_every_query_has_a_match_from_another_camera(small_data, name):
    items = read(small_data, name)
    assert items["query"]
    for _, person, camera in items["query"]:
        assert any(pid == person and other != camera for _, pid, other in items["gallery"])


def test_the_gallery_of_market_has_junk_that_fast_reid_passes_over(small_data):
    files = {path.name for path in (small_data / "Market-1501-v15.09.15" / "bounding_box_test").iterdir()}
    junk = {name for name in files if name.startswith("-1_")}
    assert len(junk) == 8  # round(0.3 x 5 images) for 4 identities
    assert all(re.fullmatch(r"-1_c[1-6]s[1-3]_\d{6}_\d\d\.jpg", name) for name in junk)
    gallery = read(small_data, "market1501")["gallery"]
    assert {path.rsplit("/")[-1] for path, _, _ in gallery} == files - junk


def test_file_names_are_as_in_the_real_data_sets(small_data):
    patterns = {
        "Market-1501-v15.09.15/bounding_box_train": r"\d{4}_c[1-6]s[1-3]_\d{6}_0[1-4]\.jpg",
        "Market-1501-v15.09.15/query": r"\d{4}_c[1-6]s[1-3]_\d{6}_00\.jpg",
        "DukeMTMC-reID/bounding_box_train": r"\d{4}_c[1-8]_f\d{7}\.jpg",
        "DukeMTMC-reID/query": r"\d{4}_c[1-8]_f\d{7}\.jpg",
        "DukeMTMC-reID/bounding_box_test": r"\d{4}_c[1-8]_f\d{7}\.jpg",
        "MSMT17_V1/train/0000": r"0000_\d{3}_\d\d_03\d\d(morning|noon|afternoon)_\d{4}_0\.jpg",
        "MSMT17_V1/test/0000": r"0000_\d{3}_\d\d_03\d\d(morning|noon|afternoon)_\d{4}_0\.jpg",
    }
    for folder, pattern in patterns.items():
        names = [path.name for path in (small_data / folder).iterdir()]
        assert names and all(re.fullmatch(pattern, name) for name in names), folder


def test_msmt17_counts_people_from_0_and_lists_a_validation_split(small_data):
    train = read(small_data, "msmt17")["train"]
    assert {pid for _, pid, _ in train} == {f"msmt17_{person}" for person in range(5)}
    assert len(read(small_data, "msmt17", combineall=True)["train"]) > len(train)
    for split, images in {"train": 30, "val": 5, "query": 8, "gallery": 20}.items():
        lines = (small_data / "MSMT17_V1" / f"list_{split}.txt").read_text().split("\n")
        assert lines.pop() == "" and len(lines) == images
        assert all(line.count(" ") == 1 and line.split(" ")[1].isdigit() for line in lines)


def test_image_formats_and_sizes_are_those_of_the_real_data_sets(small_data):
    sizes, formats = {name: Counter() for name in DOMAINS}, {name: set() for name in DOMAINS}
    for name, domain in DOMAINS.items():
        for path in (small_data / domain.layout.folder).rglob("*.[jp][pn]g"):
            with Image.open(path) as image:
                image.load()
                sizes[name][image.size] += 1
                formats[name].add((image.format, image.mode))
    assert formats == {name: {("PNG" if name == "cuhk03np" else "JPEG", "RGB")} for name in DOMAINS}
    assert set(sizes.pop("market1501")) == {(64, 128)}
    rows = {name: sum(size[1] * times for size, times in s.items()) / s.total() for name, s in sizes.items()}
    assert all(len(several) > 20 for several in sizes.values())
    assert all(1.8 < rows / columns < 3.4 for several in sizes.values() for columns, rows in several)
    assert rows["dukemtmc"] > rows["msmt17"] > rows["cuhk03np"]
