"""The images on which an exported encoder must agree with PyTorch. N images, (H, W) input size."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from dcac_fastreid import data
from dcac_fastreid.arguments import as_path
from dcac_fastreid.data.readers.dg_datasets import DG_MSMT17, DG_Market1501
from dcac_fastreid.data.readers.file_names import FileNaming
from dcac_fastreid.data.readers.photos import camera_in
from dcac_fastreid.deploy.encoder import Encoder
from dcac_fastreid.deploy.images import images_in
from dcac_fastreid.errors import InputError
from dcac_fastreid.names import shown

DRAWN, SEED = 32, 0
GRIDS = ((4, 2), (16, 8))  # an image is coarse patches of colour, and finer ones on them
MOST = 256  # of a folder: a whole gallery would take hours
NAMINGS = (DG_Market1501.naming, DG_MSMT17.naming)
LEAST = 3  # each ranks the others


class Probe(NamedTuple):
    images: Tensor  # (N, 3, H, W), float, RGB in [0, 255]
    what: str  # for sentences: "32 smooth random images (seed 0)"
    photos: Sequence[Image.Image] = ()  # N, of any size, that the images were made of; () where they were drawn
    people: tuple[np.ndarray, np.ndarray] | None = None  # (N,) identities and cameras, where the files' names tell them


def smooth_images(size: tuple[int, int]) -> Probe:
    """Patches of random colours that flow into each other: no data needed, the same everywhere, far from one another."""
    generator = torch.Generator().manual_seed(SEED)
    layers = [
        functional.interpolate(torch.rand(DRAWN, 3, *grid, generator=generator), size, mode="bilinear")
        for grid in GRIDS
    ]
    images = (255 * (layers[0] + 0.5 * (layers[1] - 0.5))).round().clamp(0, 255)
    return Probe(images, f"{DRAWN} smooth random images (seed {SEED})")


def images_of(folder: str | Path, encoder: Encoder) -> Probe:
    """The images in a folder and below it, as the encoder takes them.

    Of more than MOST, so many at equal distances in the order of their names.

    Raises: InputError: no such folder, too few images, or one that cannot be read.
    """
    folder = as_path(folder, "the folder of the probe")
    return _read(images_in(folder), folder, encoder)


def calibration_of(folder: str | Path, encoder: Encoder) -> tuple[Tensor, Probe]:
    """Of a folder of crops, every second image: (N, 3, H, W), RGB in [0, 255], N <= MOST; and the others. Raises: as images_of."""
    folder = as_path(folder, "the folder of the crops")
    files = images_in(folder)
    return _read(files[::2], folder, encoder).images, _read(files[1::2], folder, encoder)


def _read(files: list[Path], folder: Path, encoder: Encoder) -> Probe:
    if len(files) < LEAST:
        raise InputError(
            f"{folder} holds {len(files)} images; a probe needs {LEAST} at least, since each ranks the others (and int8 as many "
            "besides, to be calibrated on)"
        )
    count = min(len(files), MOST)
    chosen = [str(files[index * len(files) // count]) for index in range(count)]
    if damaged := data.unreadable_images(chosen, "the probe"):
        raise InputError(
            f"{len(damaged)} of {count} images cannot be read: {shown(damaged)}; take them out of {folder}"
        )
    photos = [data.read_image(file) for file in chosen]
    images = [encoder.transform(photo) for photo in photos]
    of = "" if count == len(files) else f" of the {len(files)}"
    what = f"{count}{of} images in {os.path.basename(os.path.realpath(folder))}"
    return Probe(torch.stack(images), what, photos, people_of(list(map(Path, chosen)), folder))


def people_of(files: list[Path], folder: Path) -> tuple[np.ndarray, np.ndarray] | None:
    """Identities and cameras (-1: unknown) of photos that are called as in Market-1501, DukeMTMC-reID or MSMT17, or lie as
    PERSON/*.jpg in the folder. None where neither holds, or where no person has two photos that may be compared.
    """
    found = next(filter(None, (_by_names(files, naming) for naming in NAMINGS)), None) or _by_folders(files, folder)
    if found is None:
        return None
    identities, cameras = (
        np.unique([person for person, _ in found], return_inverse=True)[1],
        [place for _, place in found],
    )
    cameras = np.array(cameras)
    same = identities[:, None] == identities
    same &= (cameras[:, None] != cameras) | (cameras < 0)
    np.fill_diagonal(same, False)
    return (identities, cameras) if same.any() else None


def _by_names(files: list[Path], naming: FileNaming) -> list[tuple[str, int]] | None:
    try:
        return [(str(person), camera) for person, camera in map(naming.read, files)]
    except InputError:
        return None


def _by_folders(files: list[Path], folder: Path) -> list[tuple[str, int]] | None:
    parts = [file.relative_to(folder).parts for file in files]
    if any(len(names) != 2 for names in parts):
        return None
    return [(person, int(camera_in(Path(name).stem) or -1)) for person, name in parts]
