"""Decoded images are kept whole or not at all, whoever stops, damages or shares their file."""

import errno
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
from PIL import Image

from dcac_fastreid.data import hashes, images
from dcac_fastreid.data.hashes import pixel_hashes
from dcac_fastreid.data.loading.kept_pixels import make_pixels
from dcac_fastreid.data.pixel_file import MissingPixels, PixelFile
from dcac_fastreid.errors import InputError

SIZE = (8, 4)


@pytest.fixture
def paths(tmp_path, monkeypatch):
    """Twelve images of noise; the cache folder is tmp_path/cache, which is not made yet."""
    monkeypatch.setenv("DCAC_FASTREID_CACHE", str(tmp_path / "cache"))
    random = np.random.default_rng(0)
    paths = [str(tmp_path / f"{number}.png") for number in range(12)]
    for path in paths:
        Image.fromarray(random.integers(0, 256, (20, 10, 3), dtype=np.uint8)).save(path)
    return paths


@pytest.fixture
def decoded(monkeypatch):
    """The names of the images that are decoded from now on."""
    names, decode = [], images.decode_image
    monkeypatch.setattr(images, "decode_image", lambda file, name: names.append(name) or decode(file, name))
    return names


def expected(path):
    resized = Image.open(path).resize((SIZE[1], SIZE[0]), Image.Resampling.BICUBIC)
    return np.asarray(resized).transpose(2, 0, 1)


def check(paths):
    places, kept = PixelFile(SIZE).read(paths)
    assert places.keys() == set(paths) and len(set(places.values())) == len(places)
    assert all(np.array_equal(kept[places[path]], expected(path)) for path in paths)


def test_hashes_and_pixels_come_of_one_decoding(paths, decoded):
    with MissingPixels(PixelFile(SIZE), paths[:9]) as missing:
        made = pixel_hashes(paths, missing)
    assert sorted(decoded) == sorted(paths) and made.keys() == set(paths)
    check(paths[:9])
    assert PixelFile(SIZE).places(paths[9:]) == {}
    make_pixels(PixelFile(SIZE), paths)
    assert sorted(decoded[12:]) == sorted(paths[9:])
    check(paths)


def test_an_image_that_changes_is_decoded_again(paths, decoded):
    make_pixels(PixelFile(SIZE), paths)
    Image.new("RGB", (3, 3), "red").save(paths[4])
    decoded.clear()
    make_pixels(PixelFile(SIZE), paths)
    assert decoded == [paths[4]]
    check(paths)


def test_who_has_read_the_file_keeps_its_pixels(paths):
    make_pixels(PixelFile(SIZE), paths)
    places, kept = PixelFile(SIZE).read(paths)
    PixelFile(SIZE).delete()
    assert PixelFile(SIZE).read(paths).places == {}
    make_pixels(PixelFile(SIZE), paths[6:])  # other images at the same places
    assert all(np.array_equal(kept[places[path]], expected(path)) for path in paths)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda index, pixels: index.write_bytes(b"no database, and longer than its header of a hundred bytes " * 9),
        lambda index, pixels: index.unlink(),
        lambda index, pixels: pixels.unlink(),
        lambda index, pixels: os.truncate(pixels, 200),
        lambda index, pixels: index.write_bytes(b""),
    ],
    ids=["index damaged", "index lost", "pixels lost", "pixels cut off", "index empty"],
)
def test_what_is_damaged_is_made_again(paths, spoil):
    make_pixels(PixelFile(SIZE), paths)
    kept = PixelFile(SIZE).read(paths)
    folder = PixelFile(SIZE).folder
    (index,), (pixels,) = folder.glob("*.sqlite"), folder.glob("*.pixels")
    spoil(index, pixels)
    make_pixels(PixelFile(SIZE), paths[:6][::-1])
    check(paths[:6])
    check(list(PixelFile(SIZE).places(paths)))  # none of the others is said to be there and is not
    make_pixels(PixelFile(SIZE), paths)
    check(paths)
    assert np.array_equal(kept.images[kept.places[paths[0]]], expected(paths[0]))  # as another run would read it


INTERRUPTED = """
import sys
from dcac_fastreid.data import hashes
from dcac_fastreid.data.loading.kept_pixels import make_pixels
from dcac_fastreid.data.pixel_file import MissingPixels, PixelFile
hashes.SAVED = 0
save = MissingPixels.save
def save_and_wait(missing):
    save(missing)
    print(len(PixelFile((8, 4)).places(sys.argv[1:])), flush=True)
    input()
MissingPixels.save = save_and_wait
make_pixels(PixelFile((8, 4)), sys.argv[1:])
"""


def test_a_killed_pass_goes_on_where_it_was(paths, decoded):
    started = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, *paths], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    kept = int(started.stdout.readline())
    started.send_signal(signal.SIGKILL)
    started.wait()
    started.stdin.close()
    started.stdout.close()
    assert 0 < kept == len(PixelFile(SIZE).places(paths))
    make_pixels(PixelFile(SIZE), paths)
    assert len(decoded) == 12 - kept
    check(paths)


def test_an_interrupted_pass_keeps_what_it_has(paths, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(hashes, "SAVED", 0)
    with MissingPixels(PixelFile(SIZE), paths) as missing:
        save = missing.save
        monkeypatch.setattr(missing, "save", lambda: (save(), monkeypatch.setattr(missing, "save", save), interrupt()))
        with pytest.raises(KeyboardInterrupt):
            pixel_hashes(paths, missing)
    kept = PixelFile(SIZE).places(paths)
    assert kept
    check(list(kept))


def test_two_runs_decode_each_image_once(paths, decoded):
    halves = paths[:8], paths[4:]
    threads = [threading.Thread(target=make_pixels, args=(PixelFile(SIZE), half)) for half in halves]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(decoded) == sorted(paths)
    check(paths)


def test_the_file_is_not_deleted_while_somebody_adds_to_it(paths):
    with MissingPixels(PixelFile(SIZE), paths[:1]) as missing:
        pixel_hashes(paths[:1], missing)
        PixelFile(SIZE).delete()
    check(paths[:1])


def test_a_full_disk_is_one_sentence_with_the_ways_out(paths, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(InputError, match="No space left.*DCAC_FASTREID_CACHE.*DATALOADER.CACHE_IMAGES False"):
        make_pixels(PixelFile(SIZE), paths)


def test_so_is_a_folder_that_cannot_be_made(paths, tmp_path):
    (tmp_path / "cache").write_text("")
    with pytest.raises(
        InputError, match="File exists.*DATALOADER.CACHE_IMAGES False|Not a directory.*CACHE_IMAGES False"
    ):
        make_pixels(PixelFile(SIZE), paths)
