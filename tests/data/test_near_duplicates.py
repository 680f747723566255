import os

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from dcac_fastreid.data import near_duplicates
from dcac_fastreid.data.near_duplicates import BITS, LIMIT, close_pairs, near_duplicate_groups, perceptual_hashes


def differing(one: str, other: str) -> int:
    return (int(one, 16) ^ int(other, 16)).bit_count()


def hashes_at(*distances):
    """Hashes that differ from 0 in so many bits."""
    return [f"{(1 << distance) - 1:0{BITS // 4}x}" for distance in distances]


def test_a_frame_later_a_copy_and_a_smaller_one_are_near_and_another_image_is_not(tiny_data, tmp_path):
    images = sorted((tiny_data / "Market-1501-v15.09.15" / "bounding_box_train").iterdir())
    image = Image.open(images[0])
    image.save(tmp_path / "again.jpg", quality=50)
    image.resize((image.width * 2 // 3, image.height * 2 // 3)).save(tmp_path / "smaller.png")
    moved = image.crop((1, 1, image.width, image.height))
    ImageEnhance.Brightness(moved).enhance(1.05).save(tmp_path / "later.jpg")
    hashes = perceptual_hashes([images[0], images[1], *sorted(tmp_path.iterdir())])
    first = hashes.pop(str(images[0]))
    assert differing(first, hashes.pop(str(images[1]))) > LIMIT, "the same person at another moment"
    assert len(hashes) == 3 and max(differing(first, near) for near in hashes.values()) <= LIMIT


def test_pairs_are_those_of_a_plain_loop(monkeypatch):
    codes = np.random.default_rng(0).integers(0, 2, (40, BITS), dtype=np.uint8)
    codes[1::2] = codes[::2]
    for row, flipped in enumerate(range(0, 40, 2), start=1):
        codes[2 * row - 1, :flipped] ^= 1  # differs from its neighbour in 0, 2, 4, ... bits
    hashes = [np.packbits(code).tobytes().hex() for code in codes]
    expected = {(i, j) for i in range(40) for j in range(i) if differing(hashes[i], hashes[j]) <= LIMIT}
    for portion in (near_duplicates.PORTION, 90):  # all at once; two rows at a time
        monkeypatch.setattr(near_duplicates, "PORTION", portion)
        found = [(j, i) for rows, columns in close_pairs(hashes) for i, j in zip(rows, columns, strict=True)]
        assert set(found) == expected and len(found) == len(expected) == LIMIT // 2 + 1
    assert list(close_pairs([])) == []


@pytest.mark.parametrize("portion", [near_duplicates.PORTION, 4])
def test_near_duplicates_of_near_duplicates_are_one_group(monkeypatch, portion):
    monkeypatch.setattr(near_duplicates, "PORTION", portion)
    groups = near_duplicate_groups([*hashes_at(0, LIMIT, 2 * LIMIT, 2 * LIMIT + LIMIT + 1), None, None]).tolist()
    assert groups[0] == groups[1] == groups[2]
    assert len(set(groups[2:])) == 4, "one bit too far is another group, and what has no hash is alone"


def test_a_hash_is_kept_and_what_cannot_be_read_has_none(tmp_path, paint, monkeypatch):
    image, broken = paint(tmp_path / "image.png", "a"), tmp_path / "broken.jpg"
    broken.write_bytes(b"no image")
    hashes = perceptual_hashes([image, broken])
    assert list(hashes) == [str(image)]
    monkeypatch.setattr(near_duplicates, "read_image", lambda path: pytest.fail("read again"))
    assert perceptual_hashes([image]) == hashes
    os.utime(image, ns=(0, 0))
    with pytest.raises(pytest.fail.Exception, match="read again"):
        perceptual_hashes([image])


def test_no_loop_runs_over_pairs():
    """50 million pairs, which a loop would take a minute for."""
    codes = np.random.default_rng(0).integers(0, 256, (10_000, BITS // 8), dtype=np.uint8)
    codes[-1] = codes[0]
    pairs = [pair for i, j in close_pairs([code.tobytes().hex() for code in codes]) for pair in zip(i, j, strict=True)]
    assert pairs == [(0, 9_999)]
