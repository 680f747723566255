"""How long does a training of a config take on this machine? By the planner, before anything is trained.

Seconds = steps x the planner's step + the encoder's share of it for every image of a prototype pass or a test + the VAE for every
latent. Not in it: reading and decoding of images (decoding_time.py), checks, ranking, checkpoints.
"""

from dataclasses import dataclass

import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from dcac_fastreid.engine.config_file import changed
from dcac_fastreid.engine.settings import OURS
from dcac_fastreid.profiling.build import build_encoder
from dcac_fastreid.profiling.machine import release_memory
from dcac_fastreid.profiling.plan import predict
from dcac_fastreid.profiling.replay import replay
from dcac_fastreid.profiling.shape_run import Recorder, move_to
from dcac_fastreid.profiling.step_parts import StepClock
from dcac_fastreid.profiling.training_images import TrainingImages

VIEWS = 8  # images that the VAE is timed on at a time


@dataclass(frozen=True)
class StepPrediction:
    """What the planner says of a step: bytes, and seconds where it fits.

    Attributes:
        needed_gib, available_gib: memory.
        step: seconds; None where it does not fit.
        image: seconds of the encoder for an image. latent: of the VAE, 0 of a config without one.
    """

    needed_gib: float
    available_gib: float
    step: float | None = None
    image: float = 0.0
    latent: float = 0.0


class Planner:
    """Asks the planner once for each kind of step; rank, transform of the condition and identities hardly change its time.

    Args: processes: that share each training.
    """

    def __init__(self, processes: int = 1):
        self._processes = processes
        self._known: dict[tuple, StepPrediction] = {}

    def step(self, cfg, num_classes: int) -> StepPrediction:
        """Of a process, which has its part of the batch."""
        diffusion, tuning = cfg.MODEL.DCAC.DIFFUSION, cfg.MODEL.DCAC.DIFFUSION.TUNING
        of_dcac = (tuning, diffusion.WEIGHTS, tuple(diffusion.SIZE)) if cfg.MODEL.META_ARCHITECTURE == "DCAC" else ()
        kind = (cfg.MODEL.META_ARCHITECTURE, cfg.MODEL.BACKBONE.NAME, cfg.SOLVER.IMS_PER_BATCH, *of_dcac)
        if kind not in self._known:
            self._known[kind] = _predicted(cfg, num_classes, self._processes)
        return self._known[kind]

    def training(self, cfg, images: TrainingImages, latents: int) -> dict[str, float] | None:
        """Seconds by pass; None where a step does not fit into this machine's memory.

        Args: latents: how many are computed.
        """
        step, epochs, each = self.step(cfg, images.identities), cfg.SOLVER.MAX_EPOCH, images.number
        if step.step is None:
            return None
        tests = epochs // cfg.TEST.EVAL_PERIOD if cfg.TEST.EVAL_PERIOD else 0
        tested = sum(map(len, images.tested.values()))
        prototypes = epochs if cfg.MODEL.META_ARCHITECTURE in OURS else 0
        return {
            "latents": latents * step.latent,
            "prototypes": prototypes * each * step.image / self._processes,
            "steps": epochs * steps_per_epoch(cfg, images) * step.step,
            "tests": tests * tested * step.image / self._processes,
        }


def steps_per_epoch(cfg, images: TrainingImages) -> int:
    """About: a sampler of identities leaves a few images out or takes some twice."""
    return max(1, images.number // cfg.SOLVER.IMS_PER_BATCH)


def _predicted(cfg, num_classes: int, processes: int) -> StepPrediction:
    part = changed(cfg, ["SOLVER.IMS_PER_BATCH", max(1, cfg.SOLVER.IMS_PER_BATCH // processes)])
    result = predict(part, num_classes)
    memory = result["predicted"]["memory_gib"]["total"], result["available_gib"]
    if not result["fits"]:
        return StepPrediction(*memory)
    image = result["predicted"]["parts_s"]["encoder_forward"] / part.SOLVER.IMS_PER_BATCH
    latent = _latent_seconds(cfg) if cfg.MODEL.META_ARCHITECTURE == "DCAC" else 0.0
    release_memory(torch.device(cfg.MODEL.DEVICE))  # trainings in other processes may follow, on the same GPU
    return StepPrediction(*memory, result["predicted"]["step_s"], image, latent)


def _latent_seconds(cfg) -> float:
    """Of the VAE, for an image."""
    device, size = torch.device(cfg.MODEL.DEVICE), cfg.MODEL.DCAC.DIFFUSION.SIZE
    encoder = build_encoder(cfg)
    with FakeTensorMode(), torch.no_grad():
        move_to(encoder, device)
        views = torch.empty(VIEWS, 3, *size, dtype=torch.uint8, device=device)
        with Recorder(encoder, StepClock(torch.device("cpu"))) as recorder:
            encoder(views)
    return sum(replay(recorder.operations.values(), device).values()) / VIEWS
