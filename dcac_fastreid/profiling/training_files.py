"""Which files does a training of a config read, make and write, and how many bytes are they? Nothing is written here."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dcac_fastreid import data
from dcac_fastreid.data.hashes import FILE as HASHES
from dcac_fastreid.data.hashes import kept_pixel_hashes
from dcac_fastreid.diffusion import LatentCache, stable_diffusion
from dcac_fastreid.diffusion.weight_files import PARTS, choose_files
from dcac_fastreid.profiling.checkpoint_size import checkpoint_bytes, checkpoint_names
from dcac_fastreid.profiling.model_stats import latents_on_meta
from dcac_fastreid.profiling.training_images import TrainingImages
from dcac_fastreid.profiling.training_time import steps_per_epoch

READ, MADE, WRITTEN = "read", "made", "written"
LATENTS = "latents"
OF_A_HASH = 300  # bytes in the table of hashes, path included
FLOAT = 4  # bytes


@dataclass(frozen=True)
class Files:
    """One line of the list.

    Attributes:
        verb: READ, MADE (kept for other runs) or WRITTEN (to OUTPUT_DIR).
        where: a path.
        number: of files; of images where many share a file.
        bytes: of all of them.
        there: of `number`, made already by an earlier run.
    """

    verb: str
    what: str
    where: str
    number: int
    bytes: int
    there: int = 0

    @property
    def missing(self) -> int:
        """Bytes that are made or written now."""
        return 0 if self.verb == READ else self.bytes * (self.number - self.there) // self.number


def training_files(cfg, images: TrainingImages) -> list[Files]:
    """The data sets and weights are there."""
    local = data.with_local_weights(cfg)
    return [*_images(cfg, images), *_weights(local), *_made(local, images), *_written(cfg, images)]


def latent_bytes(cfg) -> int:
    """Of the latents of an image, 0 of a config without them."""
    if cfg.MODEL.META_ARCHITECTURE != "DCAC":
        return 0
    return latents_on_meta(cfg)[1]([])[0].numel() * FLOAT


def _images(cfg, images: TrainingImages) -> list[Files]:
    root = data.data_root(cfg.DATASETS.ROOT)
    kinds = [("training images", images.train), ("query and gallery", images.tested)]
    return [
        Files(READ, f"{kind} of {name}", root, len(paths), _bytes(paths))
        for kind, by_name in kinds
        for name, paths in by_name.items()
    ]


def _weights(cfg) -> list[Files]:
    found = []
    if cfg.MODEL.BACKBONE.PRETRAIN and os.path.isfile(cfg.MODEL.BACKBONE.PRETRAIN_PATH):  # else a name of open_clip's
        found.append(("encoder", [cfg.MODEL.BACKBONE.PRETRAIN_PATH]))
    if cfg.MODEL.META_ARCHITECTURE == "DCAC" and (weights := _diffusion_files(cfg.MODEL.DCAC.DIFFUSION)):
        found.append(("Stable Diffusion", weights))
    if cfg.MODEL.WEIGHTS:
        found.append(("checkpoint to begin with", [cfg.MODEL.WEIGHTS]))
    return [Files(READ, what, _folder(paths), len(paths), _bytes(paths)) for what, paths in found]


def _diffusion_files(diffusion) -> list[str]:
    """Those of a folder that are chosen, or the one file; of a model on the hub none is known here."""
    weights = Path(diffusion.WEIGHTS)
    if weights.is_file():
        return [str(weights)]
    chosen = [
        weights / part / name
        for part in PARTS
        if (files := choose_files(os.listdir(weights / part) if (weights / part).is_dir() else (), ema=diffusion.EMA))
        for name in files.names
    ]
    return list(map(str, chosen))


def _made(cfg, images: TrainingImages) -> list[Files]:
    cache = data.cache_folder()
    paths = list(dict.fromkeys(path for of_source in images.train.values() for path in of_source))
    compared = {*paths, *(path for tested in images.tested.values() for path in tested)}
    hashed = len(kept_pixel_hashes(filter(os.path.exists, compared)))
    number, size = len(compared), OF_A_HASH * len(compared)
    files = [Files(MADE, "hashes of images, at most", str(cache / HASHES), number, size, hashed)]
    if cfg.MODEL.META_ARCHITECTURE == "DCAC":
        size, folder = cfg.MODEL.DCAC.DIFFUSION.SIZE, cache / "latents"
        encoder = stable_diffusion.load_encoder(cfg.MODEL.DCAC.DIFFUSION.WEIGHTS)
        there = LatentCache(folder, data.data_root(cfg.DATASETS.ROOT)).count_kept(paths, encoder, size=size)
        files.append(Files(MADE, LATENTS, str(folder), len(paths), len(paths) * latent_bytes(cfg), there))
    if pixels := data.training_pixels(cfg):
        there, where = len(pixels.read(path for path in paths if os.path.exists(path)).places), str(pixels.folder)
        files.append(Files(MADE, "decoded training images", where, len(paths), pixels.bytes * len(paths), there))
        if (views := data.diffusion_views(cfg)) and there < len(paths):
            number = len(paths) - there
            files.append(
                Files(MADE, "images for the VAE, until their latents are made", where, number, views.bytes * number)
            )
    return files


def _written(cfg, images: TrainingImages) -> list[Files]:
    names = checkpoint_names(cfg, steps_per_epoch(cfg, images))
    each = checkpoint_bytes(cfg, images.identities)
    shown = names if len(names) < 5 else [names[0], "...", *names[-2:]]
    return [Files(WRITTEN, f"checkpoints ({', '.join(shown)})", cfg.OUTPUT_DIR, len(names), len(names) * each)]


def _bytes(paths: Iterable[str]) -> int:
    """0 of a file that is not there, which the run reports or leaves out."""
    return sum(os.path.getsize(path) for path in paths if os.path.exists(path))


def _folder(paths: list[str]) -> str:
    return paths[0] if len(paths) == 1 else os.path.commonpath(paths)
