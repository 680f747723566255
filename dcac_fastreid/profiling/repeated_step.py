"""Training steps on one batch by fast-reid's own inner trainer: how long are they, as a whole and by part?"""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn

from dcac_fastreid.engine.captured_step import CapturedStep
from dcac_fastreid.engine.linear_layers import fast_linear_layers
from dcac_fastreid.engine.settings import autocast_dtype
from dcac_fastreid.profiling.step_parts import OperationCount, StepClock, clocked
from fastreid.engine import defaults
from fastreid.utils.events import EventStorage


class RepeatedStep:
    """A training step that begins with the same images, prototypes and random numbers at every call.

    At a learning rate of 0 the weights stay, so that every call has the same losses.

    Args:
        model: as `build` makes it.
        clock: that the VAE's source of latents, where there is one, has too.
        num_classes: N.
    """

    def __init__(self, cfg, model: nn.Module, optimizer: torch.optim.Optimizer, clock: StepClock, num_classes: int):
        self._model, self._clock = model, clock
        self._autocast = autocast_dtype(cfg)
        trainer = defaults.AMPTrainer if cfg.SOLVER.AMP.ENABLED else defaults.SimpleTrainer
        self._trainer = trainer(model, _Batches(cfg, model.device, num_classes), optimizer, None)
        if self._autocast:
            self._trainer.set_dtype(self._autocast)
        self._run_step = self._trainer.run_step
        self._fast_linear_layers = True
        self._memory = getattr(model, "memory", None)
        self._prototypes = self._memory.prototypes.clone() if self._memory else None

    def use(self, optimizer: torch.optim.Optimizer, *, linear_layers: bool = True) -> None:
        """Goes on with another optimizer of the same weights, and with or without our way through linear layers."""
        self._trainer.optimizer = optimizer
        self._fast_linear_layers = linear_layers

    def capture(self) -> bool:
        """Goes on with a CUDA graph of the step, after some ordinary ones; says whether the recording went well."""
        captured = CapturedStep(self._trainer, self._autocast)
        self._run_step = captured
        self.time(steps=6, by_part=False)
        return captured.recorded

    def time(self, steps: int = 1, by_part: bool = True) -> tuple[float, dict[str, float]]:
        """Seconds of a step, the mean of several, and of its parts; without parts no hook is called."""
        self._begin_again()
        with self._surroundings(by_part):
            self._wait()
            self._clock.restart()
            begin = time.perf_counter()
            for _ in range(steps):
                self._run_step()
            self._wait()
            seconds = (time.perf_counter() - begin) / steps
            parts = {part: total / steps for part, total in self._clock.seconds().items()}
        return seconds, parts if by_part else {}

    def examine(self) -> tuple[dict[str, float], dict[str, int]]:
        """One step's losses by name, and its dispatched operations by part."""
        losses = {}
        handle = self._model.register_forward_hook(lambda module, inputs, output: losses.update(output))
        self._begin_again()
        with self._surroundings(by_part=True), OperationCount(self._clock) as count:
            self._run_step()
        handle.remove()
        return {name: loss.item() for name, loss in losses.items()}, dict(count.counts)

    def launches(self) -> int:
        """Kernels and copies that one step launches on the GPU, or that its graph replays."""
        self._begin_again()
        activities = [torch.profiler.ProfilerActivity.CUDA]
        with EventStorage(), torch.profiler.profile(activities=activities) as profile:
            self._run_step()
            self._wait()
        return sum(event.device_type == torch.autograd.DeviceType.CUDA for event in profile.events())

    @contextmanager
    def _surroundings(self, by_part: bool) -> Iterator[None]:
        with EventStorage(), ExitStack() as stack:
            if self._fast_linear_layers:
                stack.enter_context(fast_linear_layers(self._model.device))
            if by_part:
                stack.enter_context(clocked(self._model, self._trainer.optimizer, self._clock))
            yield

    @torch.no_grad()
    def _begin_again(self) -> None:
        if self._memory:
            self._memory.prototypes.copy_(self._prototypes)
        feedback = getattr(self._model, "feedback", None)
        if feedback is not None and feedback.generator is not None:
            feedback.generator.manual_seed(feedback.seed)

    def _wait(self) -> None:
        if self._model.device.type == "cuda":
            torch.cuda.synchronize()


class NoUpdate(torch.optim.Optimizer):
    """In the place of an optimizer whose state would not fit: clears the gradients and leaves the weights."""

    def __init__(self, parameters: Iterator[Tensor]):
        super().__init__(parameters, {})

    def step(self, closure: None = None) -> None:
        pass


class _Batches:
    """A loader that gives one batch for ever: pairs of random images of one identity by two cameras."""

    def __init__(self, cfg, device: torch.device, num_classes: int):
        size = cfg.SOLVER.IMS_PER_BATCH
        generator = torch.Generator().manual_seed(0)
        self._images = (torch.rand(size, 3, *cfg.INPUT.SIZE_TRAIN, generator=generator) * 255).to(device)
        self._targets = (torch.arange(size) // 2 % num_classes).to(device)
        self._cameras = (torch.arange(size) % 2).to(device)

    def __iter__(self) -> Iterator[dict]:
        while True:  # a copy: fast-reid normalises the images in place
            yield {
                "images": self._images.clone(),
                "targets": self._targets,
                "camids": self._cameras,
                "img_paths": [""] * len(self._targets),
            }
