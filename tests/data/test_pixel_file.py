"""Decoded images are kept whole or not at all, whoever stops, damages or shares their file."""

import errno
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing

import numpy as np
import pytest
from PIL import Image

from dcac_fastreid.data import hashes, images
from dcac_fastreid.data.hashes import pixel_hashes
from dcac_fastreid.data.loading.kept_pixels import make_pixels
from dcac_fastreid.data.pixel_file import TRAIN, VIEWS, MissingPixels, PixelFile, adding
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
def file(paths):
    """Where the images are kept."""
    return PixelFile(TRAIN, SIZE)


@pytest.fixture
def decoded(monkeypatch):
    """The names of the images that are decoded from now on."""
    names, decode = [], images.decode_image
    monkeypatch.setattr(images, "decode_image", lambda file, name: names.append(name) or decode(file, name))
    return names


def expected(path):
    resized = Image.open(path).resize((SIZE[1], SIZE[0]), Image.Resampling.BICUBIC)
    return np.asarray(resized).transpose(2, 0, 1)


def check(file, paths):
    places, kept = file.read(paths)
    assert places.keys() == set(paths) and len(set(places.values())) == len(places)
    assert all(np.array_equal(kept[places[path]], expected(path)) for path in paths)


def test_hashes_and_pixels_come_of_one_decoding(file, paths, decoded):
    with adding(), MissingPixels(file, paths[:9]) as missing:
        made = pixel_hashes(paths, missing)
    assert sorted(decoded) == sorted(paths) and made.keys() == set(paths)
    check(file, paths[:9])
    assert file.read(paths[9:]).places == {}
    make_pixels(file, paths)
    assert sorted(decoded[12:]) == sorted(paths[9:])
    check(file, paths)


def test_an_image_that_changes_is_decoded_again(file, paths, decoded):
    make_pixels(file, paths)
    Image.new("RGB", (3, 3), "red").save(paths[4])
    decoded.clear()
    make_pixels(file, paths)
    assert decoded == [paths[4]]
    check(file, paths)


def test_an_image_that_changes_while_it_is_decoded_is_one_sentence(file, paths, monkeypatch):
    def change(name):
        os.utime(name, ns=(0, 0))

    decode = images.decode_image
    monkeypatch.setattr(images, "decode_image", lambda stream, name: (change(name), decode(stream, name))[1])
    with pytest.raises(InputError, match="0.png was changed while it was decoded; start again"):
        make_pixels(file, paths[:1])


def test_who_has_read_the_file_keeps_its_pixels(file, paths):
    places, kept = make_pixels(file, paths)
    file.forget(paths[:3])
    check(file, paths[3:])  # those of others stay
    file.forget(paths)
    assert file.read(paths).places == {} and os.listdir(file.folder) == ["lock"]
    make_pixels(file, paths[6:])  # other images at the same places
    assert all(np.array_equal(kept[places[path]], expected(path)) for path in paths)


def test_a_place_is_not_given_out_again(file, paths):
    """Else a reader of the images that were there would see others."""
    places, kept = make_pixels(file, paths[:8])
    file.forget(paths[4:8])  # the last places
    make_pixels(file, paths[8:])
    assert all(np.array_equal(kept[places[path]], expected(path)) for path in paths[:8])
    check(file, [*paths[:4], *paths[8:]])


def test_damaged_pixels_of_an_image_that_cannot_be_read_any_more_are_not_taken(file, paths, tmp_path):
    places = make_pixels(file, paths).places
    (pixels,) = file.folder.glob("*.pixels")
    with open(pixels, "r+b") as stream:
        stream.seek(places[paths[3]] * file.bytes)
        stream.write(b"damaged")
    status = os.stat(paths[3])
    with open(paths[3], "r+b") as stream:
        stream.write(b"broken")
    os.utime(paths[3], ns=(status.st_mtime_ns, status.st_mtime_ns))
    with adding(), MissingPixels(file, paths, check=True) as missing:
        assert list(missing.lacking) == [paths[3]]
        pixel_hashes(paths, missing)
    with pytest.raises(InputError, match="3.png cannot be read as an image"):
        make_pixels(file, paths)


def test_pixels_cannot_be_written_to(file, paths):
    with pytest.raises(ValueError, match="read-only"):
        make_pixels(file, paths).images[0] = 0


SPOILED = {
    "index damaged": lambda index, pixels: index.write_bytes(b"no database, but longer than the header of one " * 9),
    "index lost": lambda index, pixels: index.unlink(),
    "pixels lost": lambda index, pixels: pixels.unlink(),
    "pixels cut off": lambda index, pixels: os.truncate(pixels, 200),
    "index empty": lambda index, pixels: index.write_bytes(b""),
    "a page of the index": lambda index, pixels: index.write_bytes(index.read_bytes()[:-4096] + b"x" * 4096),
}


@pytest.mark.parametrize("how", SPOILED)
def test_what_is_damaged_is_made_again(file, paths, how):
    kept = make_pixels(file, paths)
    (index,), (pixels,) = file.folder.glob("*.sqlite"), file.folder.glob("*.pixels")
    SPOILED[how](index, pixels)
    make_pixels(file, paths[:6][::-1])
    check(file, paths[:6])
    check(file, list(file.read(paths).places))  # none of the others is said to be there and is not
    make_pixels(file, paths)
    check(file, paths)
    assert np.array_equal(kept.images[kept.places[paths[0]]], expected(paths[0]))  # as another run would read it


def test_pixels_that_are_not_what_was_written_are_found_and_made_again(file, paths, decoded):
    places = make_pixels(file, paths).places
    (pixels,) = file.folder.glob("*.pixels")
    with open(pixels, "r+b") as stream:
        stream.seek(places[paths[5]] * file.bytes + 7)
        stream.write(b"\0\1\2")
    decoded.clear()
    assert paths[5] not in file.read(paths, check=True).places
    with adding(), MissingPixels(file, paths, check=True) as missing:
        pixel_hashes(paths, missing)
    assert decoded == [paths[5]]
    check(file, paths)


INTERRUPTED = """
import sys
from dcac_fastreid.data import hashes
from dcac_fastreid.data.loading.kept_pixels import make_pixels
from dcac_fastreid.data.pixel_file import MissingPixels, PixelFile
hashes.SAVED = 0
save = MissingPixels.save
def save_and_wait(missing):
    save(missing)
    print(len(PixelFile("train", (8, 4)).read(sys.argv[1:]).places), flush=True)
    input()
MissingPixels.save = save_and_wait
make_pixels(PixelFile("train", (8, 4)), sys.argv[1:])
"""


def test_a_killed_pass_goes_on_where_it_was(file, paths, decoded):
    started = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, *paths], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    kept = int(started.stdout.readline())
    started.send_signal(signal.SIGKILL)
    started.wait()
    started.stdin.close()
    started.stdout.close()
    assert 0 < kept == len(file.read(paths).places)
    make_pixels(file, paths)
    assert len(decoded) == 12 - kept
    check(file, paths)


def test_an_interrupted_pass_keeps_what_it_has(file, paths, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(hashes, "SAVED", 0)
    with adding(), MissingPixels(file, paths) as missing:
        save = missing.save
        monkeypatch.setattr(missing, "save", lambda: (save(), monkeypatch.setattr(missing, "save", save), interrupt()))
        with pytest.raises(KeyboardInterrupt):
            pixel_hashes(paths, missing)
    kept = file.read(paths).places
    assert kept
    check(file, list(kept))


def test_two_runs_decode_each_image_once(file, paths, decoded):
    halves = paths[:8], paths[4:]
    threads = [threading.Thread(target=make_pixels, args=(PixelFile(TRAIN, SIZE), half)) for half in halves]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(decoded) == sorted(paths)
    check(file, paths)


def test_what_an_image_is_kept_for_has_a_file_of_its_own(file, paths):
    make_pixels(file, paths)
    make_pixels(PixelFile(VIEWS, SIZE), paths)
    PixelFile(VIEWS, SIZE).forget(paths)
    check(file, paths)


def test_nothing_is_deleted_while_somebody_adds(file, paths):
    with adding(), MissingPixels(file, paths[:1]) as missing:
        pixel_hashes(paths[:1], missing)
        file.forget(paths[:1])
    check(file, paths[:1])


def full(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def locked(*_):
    raise sqlite3.OperationalError("database is locked")


@pytest.mark.parametrize(
    ("where", "fault", "reason"),
    [
        ("os.posix_fallocate", full, "No space left"),
        ("os.pwrite", full, "No space left"),
        ("os.pwrite", lambda *_: 5, "5 of 96 bytes written"),
        ("os.fsync", full, "No space left"),
        ("dcac_fastreid.data.pixel_file.PixelFile.open_index", locked, "database is locked"),
    ],
)
def test_a_full_disk_is_one_sentence_with_the_ways_out(file, paths, monkeypatch, where, fault, reason):
    monkeypatch.setattr(where, fault)
    with pytest.raises(
        InputError, match=f"need (1.15 kB|files) in .*{reason}.*DCAC_FASTREID_CACHE.*CACHE_IMAGES False"
    ):
        make_pixels(file, paths)
    assert file.read(paths).places == {}


def test_room_that_was_not_there_is_given_back(file, paths, monkeypatch):
    make_pixels(file, paths[:4])
    (pixels,) = file.folder.glob("*.pixels")
    monkeypatch.setattr(os, "posix_fallocate", lambda descriptor, *_: (os.ftruncate(descriptor, 9000), full()))
    with pytest.raises(InputError, match="No space left"):
        make_pixels(file, paths)
    assert os.path.getsize(pixels) == 4 * 96
    check(file, paths[:4])


def test_so_is_a_folder_that_cannot_be_made(file, paths, tmp_path):
    (tmp_path / "cache").write_text("")
    with pytest.raises(InputError, match="(File exists|Not a directory).*CACHE_IMAGES False"):
        make_pixels(file, paths)


def test_an_image_that_may_not_be_read_is_no_matter_of_the_folder(file, paths, monkeypatch):
    pixel_hashes(paths)

    def refuse(path):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    for module in ("hashes", "loading.kept_pixels"):
        name = "read_image" if module == "hashes" else "read_image_of_run"
        monkeypatch.setattr(f"dcac_fastreid.data.{module}.{name}", refuse)
    with pytest.raises(PermissionError, match="0.png"):
        make_pixels(file, paths)


def test_an_image_that_is_not_there_is_no_matter_of_the_folder(file, paths):
    with pytest.raises(FileNotFoundError, match="gone.png"):
        make_pixels(file, [*paths, "gone.png"])


def test_a_file_that_may_only_be_read_is_enough(file, paths):
    make_pixels(file, paths)
    with closing(sqlite3.connect(f"file:{next(file.folder.glob('*.sqlite'))}?mode=ro", uri=True)) as index:
        assert index.execute("SELECT COUNT(*) FROM images").fetchone() == (12,)
    for kept in file.folder.iterdir():
        kept.chmod(0o444)
    file.folder.chmod(0o555)
    check(file, paths)
