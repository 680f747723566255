"""Small images in the folders of the real data sets, and what is logged of them."""

import logging
import zlib

import numpy as np
import pytest
from PIL import Image

NAMES = {  # (person, camera, shot) in a file name of each data set
    "DG_Market1501": "{0:04d}_c{1}s1_{2:06d}_00.jpg",
    "DG_DukeMTMC": "{0:04d}_c{1}_f{2:07d}.jpg",
    "DG_CUHK03NP": "{0:04d}_c{1}_{2}.png",
    "DG_CUHK03NPLabeled": "{0:04d}_c{1}_{2}.png",
    "DG_MSMT17": "{0:04d}_c{1}_{2:04d}.jpg",
}


@pytest.fixture(scope="session")
def draw():
    """draw(folder, *names): images of 8 x 4 pixels of noise, in a folder that is made."""

    def draw(folder, *names):
        for name in names:
            pixels = np.random.default_rng(len(name)).integers(0, 255, (8, 4, 3), dtype=np.uint8)
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(folder / name)

    return draw


@pytest.fixture(scope="session")
def lay_out(draw):
    """lay_out(folder, name): people 1 and 2 to train on, 3 and 4 to test, each by cameras 1 and 2; queries by camera 1."""

    def lay_out(folder, name):
        pattern = NAMES[name]
        for part, identities, cameras in (
            ("bounding_box_train", (1, 2), (1, 2)),
            ("query", (3, 4), (1,)),
            ("bounding_box_test", (3, 4), (1, 2)),
        ):
            draw(folder / part, *(pattern.format(person, camera, 7) for person in identities for camera in cameras))

    return lay_out


@pytest.fixture(scope="session")
def lay_out_lists(draw):
    """lay_out_lists(folder, train, test): MSMT17 as it is published; people 0 and 1, in train and again in test."""

    def lay_out_lists(folder, train="train", test="test"):
        listed = {
            "train": (train, [(person, camera) for person in (0, 1) for camera in (1, 14)]),
            "val": (train, [(0, 3)]),
            "query": (test, [(0, 1), (1, 1)]),
            "gallery": (test, [(0, 14), (1, 15)]),
        }
        for name, (part, shots) in listed.items():
            images = [f"{p:04d}/{p:04d}_000_{c:02d}_0303morning_0008_0.jpg" for p, c in shots]
            draw(folder / part, *images)
            lines = (f"{image} {person}\n" for image, (person, _) in zip(images, shots, strict=True))
            (folder / f"list_{name}.txt").write_text("".join(lines))

    return lay_out_lists


@pytest.fixture
def logged(caplog):
    """What the package logs at INFO and above; also after fast-reid has taken its logger out of the tree."""
    logger = logging.getLogger("fastreid.dcac")
    level = logger.level
    logger.addHandler(caplog.handler)
    logger.setLevel(logging.INFO)
    caplog.clear()
    yield lambda: list(dict.fromkeys(record.getMessage() for record in caplog.records))
    logger.removeHandler(caplog.handler)
    logger.setLevel(level)


@pytest.fixture(scope="session")
def paint():
    """paint(path, look): an image of 32 x 64 pixels, of large soft patches; the same look is the same image.

    noise: so much is added to each pixel, as another frame of the same moment would have.
    """

    def paint(path, look, *, noise=0):
        patches = np.random.default_rng(zlib.crc32(str(look).encode())).integers(0, 255, (10, 10, 3), dtype=np.uint8)
        image = Image.fromarray(patches).resize((32, 64), Image.Resampling.BICUBIC)
        pixels = np.asarray(image, dtype=np.int16) + np.random.default_rng(noise).integers(
            -noise, noise + 1, (64, 32, 3)
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)
        return path

    return paint
