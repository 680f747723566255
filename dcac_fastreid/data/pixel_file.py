"""Decoded images of one size, in a file of the cache folder: an image that has not changed is decoded once. (H, W) pixels."""

import logging
import mmap
import os
import sqlite3
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from typing import NamedTuple

import numpy as np
import PIL
from filelock import FileLock, Timeout
from PIL import Image

from dcac_fastreid.data.hashes import Key, file_key
from dcac_fastreid.data.locations import cache_folder
from dcac_fastreid.errors import InputError
from dcac_fastreid.quantities import size as readable
from dcac_fastreid.waiting import held

WAIT = 30  # seconds for another process that saves what it has decoded, which takes far less
CHANNELS = 3
logger = logging.getLogger("fastreid.dcac")


class KeptPixels(NamedTuple):
    """What a PixelFile has.

    Attributes:
        places: path -> number of the image, of those images that are there.
        images: (N, 3, H, W), all images of the file, read from it as they are needed; writing there would change the file.
    """

    places: dict[str, int]
    images: np.ndarray


class PixelFile:
    """RGB pixels (3, H, W), uint8, of images that PIL has resized by bicubic interpolation, and which image lies where.

    Kept by an image's path, size in bytes and time of the last change, so one that has changed is decoded again. Several runs
    may share the file: they read at the same time, and one at a time adds to it. Pixels are on the disk before the index says
    that they are there, so a killed run leaves what it has finished, and no half image.

    Args: size: (H, W).
    """

    def __init__(self, size: Iterable[int]):
        self.height, self.width = size
        name = f"{self.height}x{self.width}-bicubic-pillow{PIL.__version__}"
        self.folder = cache_folder() / "pixels"
        self._file, self._index = self.folder / f"{name}.pixels", self.folder / f"{name}.sqlite"

    @property
    def shape(self) -> tuple[int, int, int]:
        return CHANNELS, self.height, self.width

    @property
    def bytes(self) -> int:
        """Of an image."""
        return CHANNELS * self.height * self.width

    def places(self, paths: Iterable[str]) -> dict[str, int]:
        """Path -> number of the image in the file, of those that it has, as they are now. Makes nothing.

        Raises: FileNotFoundError: an image is not there.
        """
        if not self._index.is_file() or not self._file.is_file():
            return {}
        images = os.path.getsize(self._file) // self.bytes
        query = "SELECT place FROM images WHERE path = ? AND bytes = ? AND changed = ?"
        try:
            with closing(
                sqlite3.connect(f"{self._index.absolute().as_uri()}?mode=rw", uri=True, timeout=WAIT)
            ) as index:
                found = {path: index.execute(query, file_key(path)).fetchone() for path in paths}
        except sqlite3.DatabaseError as error:
            logger.warning(f"{self._index} cannot be read ({error}): its images are decoded again")
            return {}
        return {path: row[0] for path, row in found.items() if row and row[0] < images}

    def read(self, paths: Iterable[str]) -> KeptPixels:
        """Raises: FileNotFoundError: an image is not there."""
        nothing = KeptPixels({}, np.empty((0, *self.shape), dtype=np.uint8))
        try:
            file = open(self._file, "r+b")
        except FileNotFoundError:
            return nothing
        with file:
            places = self.places(paths)
            if not places or not self._is_still(file.fileno()):  # deleted meanwhile, and perhaps begun anew
                return nothing
            images = os.fstat(file.fileno()).st_size // self.bytes
            pixels = np.frombuffer(mmap.mmap(file.fileno(), images * self.bytes), dtype=np.uint8)
            return KeptPixels(places, pixels.reshape(images, *self.shape))

    def _is_still(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), os.stat(self._file))
        except FileNotFoundError:
            return False

    def delete(self) -> None:
        """Unless another process adds to it. Who has read it keeps its pixels."""
        with suppress(Timeout), self._lock().acquire(timeout=0):
            self._delete()

    def _delete(self) -> None:
        self._file.unlink(missing_ok=True)
        self._index.unlink(missing_ok=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else adds to the file meanwhile. Raises InputError: its folder cannot be made or written."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = held(self._lock(), f"decoding images into {self._file}")
        except OSError as error:
            raise self._no_room(error) from error
        with lock:
            yield

    def _lock(self) -> FileLock:
        return FileLock(self._index.with_suffix(".lock"))

    def open_index(self) -> sqlite3.Connection:
        """To add to it, while it is `locked`; of images that the file has, all of them.

        A file whose index is lost or damaged is deleted and begins anew: pixels are never written over, as another run may
        read them.
        """
        try:
            index = self._opened()
            images = os.path.getsize(self._file) // self.bytes if self._file.is_file() else 0
            index.execute("DELETE FROM images WHERE place >= ?", (images,))  # of a file that was cut off, or lost
            index.commit()
            if index.execute("SELECT 1 FROM images LIMIT 1").fetchone() is None:
                self._file.unlink(missing_ok=True)
            return index
        except sqlite3.OperationalError as error:  # locked, no access, a full disk: not the file's fault
            raise self._no_room(error) from error
        except sqlite3.DatabaseError as error:
            logger.warning(f"{self._index} is damaged ({error}): its images are decoded again")
            self._delete()
            return self._opened()

    def _opened(self) -> sqlite3.Connection:
        index = sqlite3.connect(self._index, timeout=WAIT)
        try:
            index.execute(
                "CREATE TABLE IF NOT EXISTS images (path TEXT, bytes INTEGER, changed INTEGER, place INTEGER UNIQUE, "
                "PRIMARY KEY (path, bytes, changed))"
            )
        except BaseException:
            index.close()
            raise
        return index

    def open_with_room(self, images: int) -> int:
        """A file descriptor of the file, made as long as so many images. Raises InputError: the disk has no room for them."""
        try:
            descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise self._no_room(error) from error
        try:
            size = images * self.bytes
            if size > os.fstat(descriptor).st_size:
                # A full disk is an error here; met while a mapped file is read, it would end the process (SIGBUS).
                if hasattr(os, "posix_fallocate"):
                    os.posix_fallocate(descriptor, 0, size)
                else:  # macOS
                    os.ftruncate(descriptor, size)
        except OSError as error:
            os.close(descriptor)
            raise self._no_room(error, f" {readable(size)}") from error
        return descriptor

    def _no_room(self, error: Exception, size: str = "") -> InputError:
        return InputError(
            f"the training images need{size or ' a file'} in {self.folder} ({getattr(error, 'strerror', None) or error}); make "
            "room, set DCAC_FASTREID_CACHE to another folder, or DATALOADER.CACHE_IMAGES False to decode them again in every epoch"
        )


class MissingPixels:
    """Those of some images that a PixelFile lacks, while it is locked for them; `data.hashes.Making`, of one file.

    Args: paths: of the images, each of which is there.
    """

    def __init__(self, file: PixelFile, paths: Collection[str]):
        self._file, self._taken, self._exit = file, deque(), ExitStack()
        self._paths = paths

    def __enter__(self) -> "MissingPixels":
        with ExitStack() as stack:
            stack.enter_context(self._file.locked())
            self._index = stack.enter_context(closing(self._file.open_index()))
            there = self._file.places(self._paths)
            missing = [path for path in dict.fromkeys(self._paths) if path not in there]
            (used,) = self._index.execute("SELECT COALESCE(MAX(place) + 1, 0) FROM images").fetchone()
            self._places = {path: place for place, path in enumerate(missing, used)}
            self._keys: dict[str, Key] = {path: file_key(path) for path in missing}
            self._descriptor = self._file.open_with_room(used + len(missing))
            stack.callback(os.close, self._descriptor)
            self._exit = stack.pop_all()
        return self

    def __exit__(self, *error) -> None:
        self._exit.close()

    @property
    def lacking(self) -> Collection[str]:
        return self._places.keys()

    def take(self, path: str, image: Image.Image) -> None:
        """Resizes an image that the file lacks and writes its pixels; by any thread."""
        if path not in self._places:
            return
        resized = image.resize((self._file.width, self._file.height), Image.Resampling.BICUBIC)
        pixels = np.ascontiguousarray(np.asarray(resized).transpose(2, 0, 1))
        os.pwrite(self._descriptor, pixels, self._places[path] * self._file.bytes)
        self._taken.append(path)

    def save(self) -> None:
        """Notes which images have been taken since the last time, when their pixels are on the disk."""
        done = [self._taken.popleft() for _ in range(len(self._taken))]  # threads go on meanwhile
        os.fsync(self._descriptor)
        rows = [(*self._keys[path], self._places[path]) for path in done]
        self._index.executemany("INSERT OR REPLACE INTO images VALUES (?, ?, ?, ?)", rows)
        self._index.commit()
