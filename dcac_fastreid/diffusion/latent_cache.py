"""The VAE's posterior of every training image, computed once. M images, B batch, (2c, h, w) mean and log-variance.

The diffusion view is never augmented and the VAE is frozen, so its posterior never changes; it is still sampled at every step.
"""

import hashlib
import logging
import os
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from filelock import FileLock
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from dcac_fastreid.diffusion.latents import read_view
from dcac_fastreid.errors import InputError
from dcac_fastreid.file_rows import Key, file_key, rows_of_files
from dcac_fastreid.waiting import held

WAIT = 30  # seconds for another run that writes a batch, which takes far less than one
VERSION = 2  # of the table, and of how an image is read
logger = logging.getLogger("fastreid.dcac")


class KeptViews(Protocol):
    """Images that were decoded and resized before, as `read_view` does it."""

    def read(self, paths: Sequence[str], *, check: bool) -> tuple[Mapping[str, int], np.ndarray]:
        """Of the images that it has, path -> place in an array (N, 3, H, W), uint8; the array.

        Args: check: leaves out those that are not what was written.
        """

    def forget(self, paths: Iterable[str]) -> None:
        """Nobody needs these any more."""


class LatentCache:
    """Moments on disk, found by what made them, and in memory by the path that the loader delivers.

    On disk: one SQLite file for each VAE and view size, a row for each image: its path relative to the data root, its
    size and time of change, the moments and their checksum. So an image that changed is encoded again, an interrupted
    pass goes on where it stopped, and two runs may share the file. Rows that are damaged are made again, and so is a file
    that is no database any more.

    Args:
        folder: where the SQLite files lie.
        root: the data root.
    """

    def __init__(self, folder: str | Path, root: str | Path):
        self.folder = Path(folder)
        self.root = Path(root)
        self._rows: dict[str, int] = {}
        self._moments = torch.empty(0)

    def fill(
        self,
        paths: Sequence[str],
        encoder: torch.nn.Module,
        *,
        size: Sequence[int],
        device: str | torch.device = "cpu",
        batch_size: int = 64,
        num_workers: int = 0,
        views: KeptViews | None = None,
    ) -> int:
        """Makes `lookup` ready for these images. Encodes those that the file lacks; returns how many.

        Args:
            encoder: images (B, 3, H, W) in [0, 255] to moments (B, 2c, h, w); its weights name the file.
            size: (H, W) of the view in pixels.
            views: of that size: images that it has are not decoded again; it forgets them when their latents are made.
        Raises:
            InputError: the file cannot be read or written; the batches that were finished before are kept.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self._file(encoder, size)
        keys = {path: file_key(path, self.root) for path in paths}
        try:
            # One at a time: a second run must not set aside what the first has made again.
            with held(FileLock(f"{file}.lock"), f"looking at the latents in {file}"):
                _set_aside_if_damaged(file)
            encoded = self._fill(
                file, keys, encoder, lambda todo: _views(todo, size, views, batch_size, num_workers), device, batch_size
            )
        except sqlite3.Error as error:
            raise InputError(
                f"the latents in {file} cannot be read or written ({error}); end the run that has it open, free some "
                "space, or delete the file: it is made again"
            ) from error
        if views:
            views.forget(keys)
        return encoded

    def _fill(self, file, keys, encoder, views, device, batch_size) -> int:
        with closing(sqlite3.connect(file, timeout=WAIT)) as connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS latents (path TEXT, bytes INTEGER, changed INTEGER, shape TEXT, moments BLOB, "
                "checksum INTEGER, PRIMARY KEY (path, bytes, changed))"
            )
            moments = _Table(keys)
            moments.take(_whole_rows(connection, keys))
            missing = moments.lacking
            connection.executemany(
                "DELETE FROM latents WHERE path = ? AND bytes = ? AND changed = ?", [keys[path] for path in missing]
            )  # the damaged ones
            connection.commit()
            # Whole batches of the same images as in an unbroken pass: the last bits of a batch depend on its size.
            paths, lacking = list(keys), set(missing)
            batches = [paths[start : start + batch_size] for start in range(0, len(paths), batch_size)]
            todo = [path for batch in batches if not lacking.isdisjoint(batch) for path in batch]
            for batch_paths, encoded in _encode(views(todo), encoder, device):
                shape = "x".join(map(str, encoded.shape[1:]))
                blobs = [row.tobytes() for row in encoded]
                rows = [
                    (*keys[path], shape, blob, zlib.crc32(blob)) for path, blob in zip(batch_paths, blobs, strict=True)
                ]
                # What is there stays: another run, on another device for instance, may have read it.
                connection.executemany("INSERT OR IGNORE INTO latents VALUES (?, ?, ?, ?, ?, ?)", rows)
                connection.commit()  # a killed pass keeps its finished batches
            # Read back: a first run and the next ones sum numbers of the same layout in memory, to the same last bit.
            moments.take(_whole_rows(connection, {path: keys[path] for path in missing}))
            if moments.lacking:
                raise sqlite3.DatabaseError(f"the latent of {moments.lacking[0]} was not kept")
        self._moments = torch.from_numpy(moments.values).to(device)  # of MSMT17, 267 MB
        self._rows = moments.rows
        return len(missing)

    def lookup(self, paths: Sequence[str]) -> Tensor:
        """Moments (B, 2c, h, w), fp32, on the device that filled the cache.

        Raises:
            KeyError: an image that was not there when the cache was filled.
        """
        try:
            rows = torch.tensor([self._rows[path] for path in paths])
        except KeyError as error:
            raise KeyError(
                f"no latent for {error.args[0]}: it was no training image when the latent cache was filled"
            ) from None
        return self._moments.index_select(0, rows.to(self._moments.device, non_blocking=True))

    def count_kept(self, paths: Sequence[str], encoder: torch.nn.Module, *, size: Sequence[int]) -> int:
        """Of how many of these images the file has latents, whole or not; makes and writes nothing. Arguments as of `fill`."""
        if not (file := self._file(encoder, size)).is_file():
            return 0
        keys = {path: file_key(path, self.root) for path in paths}
        try:
            with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=WAIT)) as connection:
                return sum(1 for _ in rows_of_files(connection, "latents", "1", keys))
        except sqlite3.Error:  # damaged: made again by `fill`
            return 0

    def _file(self, encoder: torch.nn.Module, size: Sequence[int]) -> Path:
        return self.folder / f"{_fingerprint(encoder)}-{size[0]}x{size[1]}-bicubic-v{VERSION}.sqlite"


class _Table:
    """The moments of all images, each taken once, so that no second copy of them is in memory."""

    def __init__(self, paths: Iterable[str]):
        self.rows = {path: row for row, path in enumerate(paths)}
        self.values = np.empty(0, dtype=np.float32)
        self._taken: set[str] = set()

    def take(self, moments: Iterable[tuple[str, np.ndarray]]) -> None:
        """Args: moments: path and moments (2c, h, w); the first decide the shape."""
        for path, values in moments:
            if not self.values.size:  # the first
                self.values = np.empty((len(self.rows), *values.shape), dtype=np.float32)
            self.values[self.rows[path]] = values
            self._taken.add(path)

    @property
    def lacking(self) -> list[str]:
        """Paths whose moments were not taken yet."""
        return [path for path in self.rows if path not in self._taken]


def _whole_rows(connection: sqlite3.Connection, keys: Mapping[str, Key]) -> Iterator[tuple[str, np.ndarray]]:
    """Path and moments of the images of which the file has some that are not damaged."""
    for path, (shape, moments, checksum) in rows_of_files(connection, "latents", "shape, moments, checksum", keys):
        if zlib.crc32(moments) == checksum:
            yield path, np.frombuffer(moments, dtype=np.float32).reshape([int(side) for side in shape.split("x")])


def _set_aside_if_damaged(file: Path) -> None:
    """A file that SQLite cannot read is renamed, so that it is made again; a run that still has it open keeps its own."""
    if not file.exists():
        return
    try:
        with closing(sqlite3.connect(file, timeout=WAIT)) as connection:
            sound = connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",)
    except sqlite3.OperationalError:  # locked, no access, a full disk: not the file's fault
        raise
    except sqlite3.DatabaseError:
        sound = False
    if not sound:
        damaged = file.with_suffix(".damaged")
        os.replace(file, damaged)
        Path(f"{file}-journal").unlink(missing_ok=True)  # of the old file; the new one must not roll it back
        logger.warning(f"The latents in {file} are damaged; they are made again, the old file is now {damaged.name}")


class _Views(Dataset):
    """Path and view (3, H, W), uint8, of each image."""

    def __init__(self, paths: Sequence[str], size: Sequence[int], places: Mapping[str, int], images: np.ndarray):
        self.paths, self.size, self.places, self.images = paths, size, places, images

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[str, Tensor]:
        path = self.paths[index]
        if (place := self.places.get(path)) is None:
            return path, read_view(path, self.size)
        return path, torch.from_numpy(self.images[place].copy())


def _views(
    paths: Sequence[str], size: Sequence[int], kept: KeptViews | None, batch_size: int, num_workers: int
) -> DataLoader:
    """Batches of paths and views (B, 3, H, W), uint8."""
    places, images = kept.read(paths, check=True) if kept else ({}, np.empty(0))
    return DataLoader(
        _Views(paths, size, places, images),
        batch_size=batch_size,
        num_workers=0 if len(places) == len(paths) else num_workers,
        generator=torch.Generator(),  # of its own: a filled cache and an empty one give the same training
    )


def _encode(views: DataLoader, encoder, device):
    """Yields (paths, moments as a NumPy array) batch by batch."""
    if not len(views):
        return
    encoder = encoder.to(device)
    for batch_paths, images in tqdm(views, desc="latents", unit="batch", disable=None):
        yield batch_paths, encoder(images.to(device)).float().cpu().numpy()


def _fingerprint(encoder: torch.nn.Module) -> str:
    digest = hashlib.sha256()
    for name, weight in sorted(encoder.state_dict().items()):
        digest.update(name.encode())
        digest.update(weight.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]
