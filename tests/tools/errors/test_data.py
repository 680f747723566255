"""Data sets that are missing, half there, damaged or unfit."""

import shutil
from pathlib import Path

import pytest

from .case import DCAC, Case

MARKET, DUKE = "Market-1501-v15.09.15", "DukeMTMC-reID"


def images(data_root: Path, part: str) -> list[Path]:
    return sorted(path for path in (data_root / part).iterdir() if path.suffix in (".jpg", ".png"))


def cut(part: str, size: int):
    """Cuts the first image of a folder."""

    def arrange(tmp, data_root):
        image = images(data_root, part)[0]
        image.write_bytes(image.read_bytes()[:size])

    return arrange


def replace_image(part: str, content: bytes):
    return lambda tmp, data_root: images(data_root, part)[0].write_bytes(content)


def rename_image(part: str, name: str):
    return lambda tmp, data_root: images(data_root, part)[0].rename(data_root / part / name)


def link_to_nowhere(tmp, data_root):
    image = images(data_root, f"{MARKET}/bounding_box_train")[0]
    image.unlink()
    image.symlink_to(tmp / "nowhere.jpg")


def remove(part: str):
    return lambda tmp, data_root: shutil.rmtree(data_root / part)


def empty(part: str):
    def arrange(tmp, data_root):
        shutil.rmtree(data_root / part)
        (data_root / part).mkdir()

    return arrange


def spoil_list(text: str):
    """Adds a line to MSMT17's list of queries."""

    def arrange(tmp, data_root):
        with open(data_root / "MSMT17_V1" / "list_query.txt", "a") as file:
            file.write(text)

    return arrange


def one_camera(tmp, data_root):
    for part in ("query", "bounding_box_test"):
        for path in images(data_root, f"{DUKE}/{part}"):
            if "_c1_" not in path.name:
                path.rename(path.with_name(path.name.replace(path.name.split("_")[1], "c1")))


def without_match(tmp, data_root):
    person = images(data_root, f"{DUKE}/query")[0].name.split("_")[0]
    for path in images(data_root, f"{DUKE}/bounding_box_test"):
        if path.name.startswith(person):
            path.unlink()


CASES = [
    Case("no data root", "no folder {tmp}/none/Market-1501", "DATASETS.ROOT {tmp}/none"),
    Case(
        "a synthetic root without seed",
        "DATASETS.ROOT is 'synthetic:one'; expected synthetic:SEED",
        "DATASETS.ROOT synthetic:one",
    ),
    Case("missing data set", "DG_Market1501: no folder .*Market-1501.*get it from https", arrange=remove(MARKET)),
    Case(
        "half-copied data set",
        "DG_DukeMTMC: no query in .*DukeMTMC-reID.*; dcac-fastreid check-data {tmp}/data_root tells more",
        arrange=remove(f"{DUKE}/query"),
    ),
    Case(
        "empty folder",
        "bounding_box_train holds no image, expected files such as.*check-data {tmp}/data_root tells more$",
        arrange=empty(f"{MARKET}/bounding_box_train"),
    ),
    Case(
        "wrong file name",
        "IMG_2024.jpg.*expected.*; dcac-fastreid check-data {tmp}/data_root tells more$",
        arrange=rename_image(f"{MARKET}/query", "IMG_2024.jpg"),
        args="DATASETS.TESTS ('DG_Market1501',)",
    ),
    Case(
        "camera out of range",
        "0007_c9s1_000151_00.jpg",
        arrange=rename_image(f"{MARKET}/bounding_box_train", "0007_c9s1_000151_00.jpg"),
    ),
    Case(
        "a list line without person",
        "list_query.txt, line .*; expected an image, a blank and a person",
        arrange=spoil_list("0000/0000_000_01_0303morning_0008_0.jpg\n"),
        args="DATASETS.TESTS ('DG_MSMT17',)",
    ),
    Case(
        "a listed image that is absent",
        "lists 1 images that are not there, first .*0999_000_01",
        arrange=spoil_list("0999/0999_000_01_0303morning_0008_0.jpg 999\n"),
        args="DATASETS.TESTS ('DG_MSMT17',)",
    ),
    Case(
        "a root that fast-reid misreads",
        "contains '12_c3'.*use DG_Market1501",
        "DATASETS.ROOT {tmp}/exp_12_c3 DATASETS.NAMES ('Market1501',)",
    ),
    Case("a target with one camera", "come from 1 camera, expected 2 or more.*tells more$", arrange=one_camera),
    Case(
        "a folder of people that is none",
        "DukeMTMC-reID should be the folder of a person, but holds .*check-data {tmp}/data_root tells more$",
        "DATASETS.NAMES ('PersonFolders',)",
    ),
    Case(
        "a query identity without match",
        "1 query identities have no gallery image by another camera",
        arrange=without_match,
    ),
    Case(
        "a link to nowhere, in a loader's process",
        "No such file or directory: .*bounding_box_train",
        "DATALOADER.CACHE_IMAGES False DATALOADER.NUM_WORKERS 1",
        arrange=link_to_nowhere,
        starts=True,
    ),
    Case(
        "a data set that fast-reid's own class does not find",
        "fast-reid's VeRi cannot be read below",
        "DATASETS.TESTS ('VeRi',)",
    ),
    Case(
        "truncated image",
        "bounding_box_train/.*.jpg cannot be read as an image",
        arrange=cut(f"{MARKET}/bounding_box_train", 600),
        starts=True,
    ),
    Case(
        "truncated image, in a loader's process",
        "bounding_box_train/.*.jpg cannot be read as an image",
        "DATALOADER.CACHE_IMAGES False DATALOADER.NUM_WORKERS 1",
        arrange=cut(f"{MARKET}/bounding_box_train", 600),
        starts=True,
    ),
    Case(
        "empty image",
        "bounding_box_train/.*.jpg cannot be read as an image",
        arrange=cut(f"{MARKET}/bounding_box_train", 0),
        config=DCAC,
        starts=True,
    ),
    Case(
        "no image at all",
        "query/.*.jpg cannot be read as an image",
        arrange=replace_image(f"{DUKE}/query", b"<html>not found</html>"),
        starts=True,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_wrong_input_ends_in_one_sentence(case, stops):
    stops(case)
