"""What does a run of a table cost on this machine? Asked of the planner, each kind of it once."""

import os
from collections.abc import Mapping
from functools import cached_property

from dcac_fastreid import data, profiling
from dcac_fastreid.experiments.runs import Run

ONE = 1  # images and identities of a data set that is not made yet


class RunEstimates:
    """As experiments/cost.py takes it. Reads lists of the data sets, and writes nothing.

    Args: num_gpus: processes that share each training.
    """

    def __init__(self, num_gpus: int):
        self._num_gpus = num_gpus
        self._images: dict[tuple, profiling.TrainingImages] = {}
        self._checkpoints: dict[tuple, int] = {}

    @cached_property
    def _planner(self) -> profiling.Planner:
        return profiling.Planner(self._num_gpus)

    def images(self, run: Run) -> int:
        return self._of(run).number if _there(run) else ONE

    def seconds(self, run: Run) -> float | None:
        if not _there(run):
            return None
        images = self._of(run)
        passes = self._planner.training(run.cfg, images, latents=images.number)
        return sum(passes.values()) if passes else None

    def checkpoints(self, run: Run) -> int:
        """Of one seed of a row; the number of identities hardly counts."""
        images = self._of(run) if _there(run) else None
        kind = (run.row, run.cfg.MODEL.DCAC.LORA.RANK)
        if kind not in self._checkpoints:
            self._checkpoints[kind] = profiling.checkpoint_bytes(run.cfg, images.identities if images else ONE)
        steps = profiling.steps_per_epoch(run.cfg, images) if images else ONE
        return len(profiling.checkpoint_names(run.cfg, steps)) * self._checkpoints[kind]

    def kept(self, run: Run) -> Mapping[str, int]:
        """Latents, and the pixels that are not there yet; for the VAE as well, until the latents are made."""
        if not _there(run):
            return {}
        latent, weights = profiling.latent_bytes(run.cfg), run.cfg.MODEL.DCAC.DIFFUSION.WEIGHTS
        pixels, views = data.training_pixels(run.cfg), data.diffusion_views(run.cfg)
        kept = {}
        for name, paths in self._of(run).train.items():
            images = f"{name} in {run.cfg.DATASETS.ROOT}"
            kept |= {f"latents of {images} by {weights}": latent * len(paths)} if latent else {}
            if pixels:
                missing = len(paths) - len(pixels.read(filter(os.path.exists, paths)).places)
                uses = {"pixels": pixels} | ({"views": views} if views else {})
                kept |= {f"{use} {file.shape} of {images}": file.bytes * missing for use, file in uses.items()}
        return kept

    def _of(self, run: Run) -> profiling.TrainingImages:
        cfg = run.cfg
        what = (cfg.DATASETS.ROOT, cfg.DATASETS.NAMES, bool(cfg.SOLVER.INTERPOLATE.CHOOSE))
        if what not in self._images:
            self._images[what] = profiling.training_images(cfg)
        return self._images[what]


def _there(run: Run) -> bool:
    return data.synthetic_data_is_there(run.cfg.DATASETS.ROOT)
