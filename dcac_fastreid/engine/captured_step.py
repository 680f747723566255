"""A training step as a CUDA graph: recorded once, then replayed, so that the GPU does not wait for Python to launch its kernels."""

import logging
import time
from collections.abc import Mapping

import torch
from torch import Tensor

from dcac_fastreid.dcac import DCAC
from dcac_fastreid.engine.settings import OURS, autocast_dtype
from dcac_fastreid.losses import HOST_LOSSES
from fastreid.utils.events import EventStorage, get_event_storage

WARM_UP = 3  # ordinary steps before the recording: they make the optimizer's state and choose the kernels
logger = logging.getLogger("fastreid.dcac")


def why_not_captured(cfg, processes: int = 1) -> str | None:
    """What stands against a CUDA graph in this config on this machine, with so many processes; None: nothing."""
    host_losses = set(cfg.MODEL.LOSSES.NAME) & set(HOST_LOSSES)
    reasons = {
        "there is no GPU": not torch.cuda.is_available() or cfg.MODEL.DEVICE == "cpu",
        f"{processes} processes share each step": processes > 1,
        "MODEL.DCAC.TELEMETRY looks into steps, and not into recorded ones": bool(cfg.MODEL.DCAC.TELEMETRY),
        f"{cfg.MODEL.META_ARCHITECTURE} is an architecture of fast-reid": cfg.MODEL.META_ARCHITECTURE not in OURS,
        f"fast-reid's {', '.join(sorted(host_losses))} may ask the GPU for numbers": bool(host_losses),
        f"MODEL.HEADS.CLS_LAYER {cfg.MODEL.HEADS.CLS_LAYER} asks the GPU for numbers": cfg.MODEL.HEADS.CLS_LAYER
        != "Linear",
        "fp16 decides after every step whether it counts": autocast_dtype(cfg) == torch.float16,
        f"SOLVER.OPT is {cfg.SOLVER.OPT}, not Adam or AdamW": cfg.SOLVER.OPT not in ("Adam", "AdamW"),
        "gradients are clipped": cfg.SOLVER.CLIP_GRADIENTS.ENABLED,
        "MODEL.FREEZE_LAYERS trains other weights later": bool(cfg.MODEL.FREEZE_LAYERS),
        "activations are computed again": bool(cfg.SOLVER.MICRO_BATCH or cfg.SOLVER.CHECKPOINT_ACTIVATIONS),
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def forget_capture(optimizer: torch.optim.Optimizer) -> None:
    """What a run with captured steps saved of its optimizer becomes that of any run; a CapturedStep made of it sets it again."""
    for group in optimizer.param_groups:
        group["lr"] = float(group["lr"])
        if "capturable" in group:
            group["capturable"] = False


class CapturedStep:
    """Takes a batch and trains on it, as the `run_step` of fast-reid's inner trainer; its learning rate is a number in fp32.

    Where the recording fails, the log says why and the steps stay ordinary ones.

    Attributes:
        recorded: whether steps are replayed by now.

    Args:
        trainer: fast-reid's inner trainer; its model is on the GPU and its optimizer has made no step.
        autocast: the type of mixed precision; None for fp32.
    """

    def __init__(self, trainer, autocast: torch.dtype | None):
        self._trainer, self._autocast = trainer, autocast
        self._batch: dict = {}
        self._scalars: list[tuple[str, Tensor]] = []
        self._losses: Mapping[str, Tensor] = {}
        self._graph: torch.cuda.CUDAGraph | None = None
        self._ordinary_steps = 0
        self._stream = torch.cuda.Stream(device=trainer.model.device)
        for group in trainer.optimizer.param_groups:
            group["capturable"] = True
            # A number would be recorded for good; a schedule fills a tensor with its next value.
            group["lr"] = torch.as_tensor(group["lr"], dtype=torch.float32, device=trainer.model.device)
        self._feedback = trainer.model.feedback if isinstance(trainer.model, DCAC) else None
        if self._feedback:
            self._lookup = self._feedback.moments_of
            self._feedback.connect_latents(lambda paths: self._batch["moments"], self._feedback.scaling_factor)

    @property
    def recorded(self) -> bool:
        return self._graph is not None

    def __call__(self) -> None:
        start = time.perf_counter()
        batch = next(self._trainer._data_loader_iter)
        data_time = time.perf_counter() - start
        self._take(batch)
        if not self.recorded and self._ordinary_steps == WARM_UP:
            self._record()
        if not self.recorded:
            self._ordinary_steps += 1
            self._run_beside()
        else:
            self._graph.replay()
            for name, value in self._scalars:
                get_event_storage().put_scalar(name, value)
        self._trainer._write_metrics(self._losses, data_time)

    def _take(self, batch: Mapping) -> None:
        """Copies a batch to where the graph reads it."""
        tensors = {key: value for key, value in batch.items() if isinstance(value, Tensor)}
        if self._feedback:
            tensors["moments"] = self._lookup(batch["img_paths"])
        for key, value in tensors.items():
            if key in self._batch:
                self._batch[key].copy_(value, non_blocking=True)
            else:
                self._batch[key] = value.to(self._trainer.model.device, copy=True)
        self._batch["img_paths"] = batch.get("img_paths")

    def _step(self) -> None:
        trainer = self._trainer
        trainer.optimizer.zero_grad()
        with torch.autocast("cuda", dtype=self._autocast, enabled=self._autocast is not None):
            losses = trainer.model(self._batch)
            total = sum(losses.values())
        total.backward()
        trainer.optimizer.step()
        self._losses = {name: loss.detach() for name, loss in losses.items()}

    def _run_beside(self) -> None:
        """On the stream on which the recording will be made, as PyTorch asks for."""
        main = torch.cuda.current_stream(self._trainer.model.device)
        self._stream.wait_stream(main)
        with torch.cuda.stream(self._stream):
            self._step()
        main.wait_stream(self._stream)

    def _record(self) -> None:
        device = self._trainer.model.device
        graph, stream = torch.cuda.CUDAGraph(), torch.cuda.current_stream(device)
        # PyTorch's own, of dropout and the like, which knows every graph. An index: of a model that is on a GPU.
        default = torch.cuda.default_generators[device.index or 0]
        draws = default.get_state()
        if self._feedback:
            noise = self._feedback.random_state()
            graph.register_generator_state(self._feedback.generator)
        try:
            # thread_local: the thread of a loader that pins memory calls CUDA meanwhile
            with (
                EventStorage() as recorded,
                torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local"),
            ):
                self._step()
        except RuntimeError as error:
            self._ordinary_steps += 1  # no second try
            torch.cuda.set_stream(stream)  # PyTorch's context leaves its own, where the recording cannot be ended
            # New generators: the old ones belong to the recording, which was not ended.
            default.graphsafe_set_state(_generator(device, draws))
            if self._feedback:
                self._feedback.set_random_state(noise, device)
            logger.warning(
                f"SOLVER.CUDA_GRAPH: the step cannot be recorded, it goes on without ({error}); SOLVER.CUDA_GRAPH False leaves "
                "out the try"
            )
            return
        self._scalars = recorded.waiting()
        self._graph = graph
        logger.info("The training step is recorded as a CUDA graph")


def _generator(device: torch.device, state: Tensor) -> torch.Generator:
    generator = torch.Generator(device)
    generator.set_state(state)
    return generator
