"""Decoded images of one size, in a file of the cache folder: an image that has not changed is decoded once. (H, W) pixels."""

import logging
import mmap
import os
import sqlite3
import zlib
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import PIL
from filelock import FileLock, Timeout
from PIL import Image
from tqdm import tqdm

from dcac_fastreid.data.locations import cache_folder
from dcac_fastreid.errors import InputError
from dcac_fastreid.file_rows import Key, file_key, rows_of_files
from dcac_fastreid.quantities import size as readable
from dcac_fastreid.waiting import held
from dcac_fastreid.warn_once import warn_once

WAIT = 30  # seconds for another process that saves what it has decoded, which takes far less
CHANNELS = 3
# What images are kept for: to be trained on; to be encoded by the VAE, until their latents are made.
TRAIN, VIEWS = "train", "views"
PORTION = 256  # images whose checksums a thread computes at a time
logger = logging.getLogger("fastreid.dcac")


class KeptPixels(NamedTuple):
    """What a PixelFile has.

    Attributes:
        places: path -> number of the image, of those images that are there.
        images: (N, 3, H, W), uint8, all images of the file, read from it as they are needed; cannot be written to.
    """

    places: dict[str, int]
    images: np.ndarray


class PixelFile:
    """RGB pixels (3, H, W), uint8, of images that PIL has resized by bicubic interpolation, and an index: which lies where.

    Kept by an image's path, size in bytes and time of the last change, so one that has changed is decoded again. Several runs
    may share the file: they read at the same time, and one at a time adds to it (`adding`). What is there is never written
    over. Pixels are on the disk before the index says that they are there, with their checksums, so a killed run leaves what it
    has finished, and no half image.

    Args:
        use: TRAIN or VIEWS, what the images are kept for.
        size: (H, W).
    """

    def __init__(self, use: str, size: Iterable[int]):
        self.height, self.width = size
        name = f"{use}-{self.height}x{self.width}-bicubic-pillow{PIL.__version__}"
        self.folder = _folder()
        self._file, self._index = self.folder / f"{name}.pixels", self.folder / f"{name}.sqlite"

    @property
    def shape(self) -> tuple[int, int, int]:
        return CHANNELS, self.height, self.width

    @property
    def bytes(self) -> int:
        """Of an image."""
        return CHANNELS * self.height * self.width

    def read(self, paths: Iterable[str], *, check: bool = False) -> KeptPixels:
        """What the file has of these images as they are now. Makes nothing.

        Args: check: leaves out images whose pixels are not those that were written, and reads all for that.
        Raises: FileNotFoundError: an image is not there.
        """
        keys = {path: file_key(path) for path in paths}
        nothing = KeptPixels({}, np.empty((0, *self.shape), dtype=np.uint8))
        try:
            with open(self._file, "rb") as file, closing(self._connected("rw")) as index:
                found = dict(rows_of_files(index, "images", "place, checksum", keys))
                images = os.fstat(file.fileno()).st_size // self.bytes
                rows = {path: row for path, row in found.items() if row[0] < images}
                if not rows or not os.path.samestat(os.fstat(file.fileno()), os.stat(self._file)):
                    return nothing  # the file was deleted meanwhile, and perhaps made again
                pixels = np.frombuffer(mmap.mmap(file.fileno(), images * self.bytes, access=mmap.ACCESS_READ), np.uint8)
        except (FileNotFoundError, NotADirectoryError):
            return nothing
        except (OSError, sqlite3.Error) as error:
            if self._index.exists():
                warn_once(f"{self._file} or its index cannot be read ({error}): its images are decoded again")
            return nothing
        pixels = pixels.reshape(images, *self.shape)
        if check and (damaged := _damaged(pixels, rows)):
            warn_once(f"{self._file}: {_count(damaged)} damaged, to be decoded again")
            rows = {path: row for path, row in rows.items() if path not in damaged}
        return KeptPixels({path: place for path, (place, _) in rows.items()}, pixels)

    def forget(self, paths: Iterable[str]) -> None:
        """Of these images; without any image the file is deleted. Does nothing while somebody adds to the files.

        Who has read the file keeps its pixels.
        """
        if not self._file.exists():
            return
        with suppress(OSError, Timeout, sqlite3.Error), _lock().acquire(timeout=0), closing(self.open_index()) as index:
            drop(index, map(file_key, paths))
            if index.execute("SELECT 1 FROM images LIMIT 1").fetchone() is None:
                self._delete()

    def _delete(self) -> None:
        self._file.unlink(missing_ok=True)
        self._index.unlink(missing_ok=True)

    def open_index(self) -> sqlite3.Connection:
        """To add to it, inside of `adding`; of images that the file has, all of them.

        A file whose index is lost or damaged is deleted and made again, not written over: another run may read it.
        """
        try:
            return self._sound_index()
        except sqlite3.OperationalError:  # locked, no access, a full disk: not the file's fault
            raise
        except sqlite3.DatabaseError as error:
            logger.warning(f"{self._index} is damaged ({error}): its images are decoded again")
            self._delete()
            return self._sound_index()

    def _sound_index(self) -> sqlite3.Connection:
        with ExitStack() as stack:
            index = stack.enter_context(closing(self._connected("rwc")))
            index.execute(
                "CREATE TABLE IF NOT EXISTS images (path TEXT, bytes INTEGER, changed INTEGER, place INTEGER UNIQUE, "
                "checksum INTEGER, PRIMARY KEY (path, bytes, changed))"
            )
            if (found := index.execute("PRAGMA quick_check(1)").fetchone()) != ("ok",):
                raise sqlite3.DatabaseError(found[0])
            images = os.path.getsize(self._file) // self.bytes if self._file.is_file() else 0
            index.execute("DELETE FROM images WHERE place >= ?", (images,))  # of a file that was cut off, or lost
            index.commit()
            if index.execute("SELECT 1 FROM images LIMIT 1").fetchone() is None:
                self._file.unlink(missing_ok=True)
            stack.pop_all()
            return index

    def _connected(self, mode: str) -> sqlite3.Connection:
        return sqlite3.connect(f"{self._index.absolute().as_uri()}?mode={mode}", uri=True, timeout=WAIT)

    def open_with_room(self, images: int) -> int:
        """A file descriptor of the file, made as long as so many images. Raises OSError: the disk has no room for them."""
        descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o666)
        before, size = os.fstat(descriptor).st_size, images * self.bytes
        try:
            if size > before:
                # A full disk is an error here; met while a mapped file is read, it would end the process (SIGBUS).
                if hasattr(os, "posix_fallocate"):
                    os.posix_fallocate(descriptor, before, size - before)
                else:  # macOS
                    os.ftruncate(descriptor, size)
        except OSError:
            os.ftruncate(descriptor, before)
            os.close(descriptor)
            raise
        return descriptor


def drop(index: sqlite3.Connection, keys: Iterable[Key]) -> None:
    """The index has these images no more. Their places are not given out again: somebody may read them."""
    index.execute(f"PRAGMA user_version = {first_free(index)}")
    index.executemany("DELETE FROM images WHERE path = ? AND bytes = ? AND changed = ?", keys)
    index.commit()


def first_free(index: sqlite3.Connection) -> int:
    """The place behind all that were ever given out, as far as they were used."""
    (used,) = index.execute("SELECT COALESCE(MAX(place) + 1, 0) FROM images").fetchone()
    (given_out,) = index.execute("PRAGMA user_version").fetchone()
    return max(used, given_out)


@contextmanager
def adding() -> Iterator[None]:
    """Nobody else adds to the pixel files meanwhile. Raises InputError: their folder cannot be made or written."""
    with _told():
        _folder().mkdir(parents=True, exist_ok=True)
        lock = held(_lock(), f"decoding images into {_folder()}")
    with lock:
        yield


@contextmanager
def _told(size: int = 0) -> Iterator[None]:
    """What fails of the folder's files, inside, is one sentence. Args: size: bytes that are to be added."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise InputError(
            f"the training images need {readable(size) if size else 'files'} in {_folder()}, which cannot be written "
            f"({getattr(error, 'strerror', None) or error}); make room, set DCAC_FASTREID_CACHE to another folder, or "
            "DATALOADER.CACHE_IMAGES False to decode them again in every epoch"
        ) from error


class MissingPixels:
    """Those of some images that a PixelFile lacks, inside of `adding`; `data.hashes.Making`, of one file.

    Args:
        paths: of the images, each of which is there.
        check: as of PixelFile.read.
    """

    def __init__(self, file: PixelFile, paths: Collection[str], *, check: bool = False):
        self._file, self._paths, self._check = file, paths, check
        self._taken: deque[tuple[str, int]] = deque()  # path, checksum
        self._written: set[str] = set()

    def __enter__(self) -> "MissingPixels":
        with ExitStack() as stack:
            with _told():
                self._index = stack.enter_context(closing(self._file.open_index()))
            there = self._file.read(self._paths, check=self._check).places
            missing = [path for path in dict.fromkeys(self._paths) if path not in there]
            self._keys: dict[str, Key] = {path: file_key(path) for path in missing}
            with _told(self._size(missing)):
                drop(self._index, self._keys.values())  # of damaged ones
                free = first_free(self._index)
                self._places = {path: place for place, path in enumerate(missing, free)}
                self._descriptor = self._file.open_with_room(free + len(missing))
            stack.callback(os.close, self._descriptor)
            self._exit = stack.pop_all()
        return self

    def __exit__(self, *error) -> None:
        self._exit.close()

    @property
    def lacking(self) -> Collection[str]:
        """Of the paths, those that the file lacked when this began."""
        return self._places.keys()

    @property
    def not_taken(self) -> list[str]:
        return [path for path in self._places if path not in self._written]

    def _size(self, paths: Collection[str]) -> int:
        return len(paths) * self._file.bytes

    def take(self, path: str, image: Image.Image) -> None:
        """Resizes an image that the file lacks and writes its pixels; by any thread."""
        if path not in self._places:
            return
        resized = image.resize((self._file.width, self._file.height), Image.Resampling.BICUBIC)
        pixels = np.ascontiguousarray(np.asarray(resized).transpose(2, 0, 1))
        with _told(self._size(self.lacking)):
            written = os.pwrite(self._descriptor, pixels, self._places[path] * self._file.bytes)
            if written != self._file.bytes:
                raise OSError(f"{written} of {self._file.bytes} bytes written, as on a full disk")
        self._written.add(path)
        self._taken.append((path, zlib.crc32(pixels)))

    def portion(self) -> list[tuple[str, int]]:
        """The images that have been taken since the last time, with their checksums; threads go on meanwhile."""
        return [self._taken.popleft() for _ in range(len(self._taken))]

    def keep(self, portion: Sequence[tuple[str, int]]) -> None:
        """Notes that the images of a portion are there, when their pixels are on the disk."""
        with _told(self._size(self.lacking)):
            os.fsync(self._descriptor)
            rows = [(*self._keys[path], self._places[path], checksum) for path, checksum in portion]
            self._index.executemany("INSERT INTO images VALUES (?, ?, ?, ?, ?)", rows)
            self._index.commit()

    def save(self) -> None:
        self.keep(self.portion())


def _count(paths: Collection[str]) -> str:
    return f"{len(paths)} image is" if len(paths) == 1 else f"{len(paths)} images are"


def _folder() -> Path:
    return cache_folder() / "pixels"


def _lock() -> FileLock:
    return FileLock(_folder() / "lock")


def _damaged(pixels: np.ndarray, rows: dict[str, tuple[int, int]]) -> set[str]:
    """The paths whose pixels have another checksum."""
    paths = sorted(rows, key=lambda path: rows[path][0])  # as they lie on the disk

    def check(part: Sequence[str]) -> list[str]:
        return [path for path in part if zlib.crc32(pixels[rows[path][0]]) != rows[path][1]]

    with ThreadPoolExecutor() as pool:
        parts = [paths[first : first + PORTION] for first in range(0, len(paths), PORTION)]
        checked = tqdm(pool.map(check, parts), "checking pixels", len(parts), leave=False, unit="portion", disable=None)
        return {path for found in checked for path in found}
