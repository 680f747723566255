"""The pictures on which an exported encoder must agree with PyTorch. N pictures, (H, W) input size."""

import os
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from dcac_fastreid import data
from dcac_fastreid.arguments import as_path
from dcac_fastreid.deploy.encoder import Encoder
from dcac_fastreid.deploy.images import encoder_input, images_in
from dcac_fastreid.errors import InputError
from dcac_fastreid.names import shown

DRAWN, SEED = 32, 0
GRIDS = ((4, 2), (16, 8))  # a picture is coarse patches of colour, and finer ones on them
MOST = 256  # of a folder: a whole gallery would take hours
LEAST = 3  # each ranks the others


class Probe(NamedTuple):
    images: Tensor  # (N, 3, H, W), float, RGB in [0, 255]
    what: str  # for sentences: "32 smooth random pictures (seed 0)"


def smooth_pictures(size: tuple[int, int]) -> Probe:
    """Patches of random colours that flow into each other: no data needed, the same everywhere, far from one another."""
    generator = torch.Generator().manual_seed(SEED)
    layers = [
        functional.interpolate(torch.rand(DRAWN, 3, *grid, generator=generator), size, mode="bilinear")
        for grid in GRIDS
    ]
    images = (255 * (layers[0] + 0.5 * (layers[1] - 0.5))).round().clamp(0, 255)
    return Probe(images, f"{DRAWN} smooth random pictures (seed {SEED})")


def pictures_of(folder: str | Path, encoder: Encoder) -> Probe:
    """The pictures in a folder and below it, as the encoder takes them.

    Of more than MOST, so many at equal distances in the order of their names.

    Raises: InputError: no such folder, too few pictures, or one that cannot be read.
    """
    files = images_in(as_path(folder, "the folder of the probe"))
    if len(files) < LEAST:
        raise InputError(
            f"{folder} holds {len(files)} pictures; a probe needs {LEAST} at least, since each ranks the others"
        )
    count = min(len(files), MOST)
    chosen = [str(files[index * len(files) // count]) for index in range(count)]
    if damaged := data.unreadable_pictures(chosen, "the probe"):
        raise InputError(
            f"{len(damaged)} of {count} pictures cannot be read: {shown(damaged)}; take them out of {folder}"
        )
    images = [encoder_input(file, encoder.transform, encoder.input_size) for file in chosen]
    of = "" if count == len(files) else f" of the {len(files)}"
    return Probe(torch.stack(images), f"{count}{of} pictures in {os.path.basename(os.path.realpath(folder))}")
