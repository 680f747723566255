"""When does which part of a training step run? Times at the boundaries of modules, on CPU and GPU."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

# "other": BNNeck, losses, conditioner, posterior and noise, prototypes, metrics.
PARTS = ("encoder_forward", "vae", "unet_forward", "unet_backward", "encoder_backward", "optimizer", "other")


class StepClock:
    """`mark(part)` says that the part runs from here on. On a GPU the times are events, for which nobody waits."""

    def __init__(self, device: torch.device):
        self._on_gpu = device.type == "cuda"
        self.restart()

    def restart(self) -> None:
        self._marks = []
        self.mark("other")

    def mark(self, part: str) -> None:
        """Of PARTS."""
        self.part = part
        self._marks.append((part, self._now()))

    def seconds(self) -> dict[str, float]:
        """By part, of all until now."""
        self.mark("other")
        if self._on_gpu:
            torch.cuda.synchronize()
        seconds = dict.fromkeys(PARTS, 0.0)
        for (part, begin), (_, end) in zip(self._marks, self._marks[1:], strict=False):
            seconds[part] += begin.elapsed_time(end) / 1000 if self._on_gpu else end - begin
        return seconds

    def _now(self):
        if not self._on_gpu:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event


@contextmanager
def clocked(model: nn.Module, optimizer: torch.optim.Optimizer, clock: StepClock) -> Iterator[None]:
    """Inside, the clock knows when encoder, denoiser and optimizer of a step run; the VAE says so itself."""

    def begin(part):
        return lambda *_: clock.mark(part)

    def after_encoder(module, inputs, output):
        clock.mark("other")
        if output.requires_grad:
            output.register_hook(begin("encoder_backward"))

    def before_denoiser(module, inputs):
        condition = inputs[2]
        if condition.requires_grad:
            # Autograd comes here after all nodes that were made later: all of the denoiser's.
            condition.register_hook(begin("other"))
        clock.mark("unet_forward")

    def after_denoiser(module, inputs, output):
        clock.mark("other")
        if output.requires_grad:
            output.register_hook(begin("unet_backward"))

    handles = [
        model.backbone.register_forward_pre_hook(begin("encoder_forward")),
        model.backbone.register_forward_hook(after_encoder),
        optimizer.register_step_pre_hook(begin("optimizer")),
        optimizer.register_step_post_hook(begin("other")),
    ]
    if getattr(model, "feedback", None) is not None:
        handles.append(model.feedback.denoiser.register_forward_pre_hook(before_denoiser))
        handles.append(model.feedback.denoiser.register_forward_hook(after_denoiser))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


class OperationCount(TorchDispatchMode):
    """Counts the operations that PyTorch dispatches, by part of the step; views, which compute nothing, excepted."""

    def __init__(self, clock: StepClock):
        super().__init__()
        self._clock = clock
        self.counts = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if not is_view(func):
            self.counts[self._clock.part] += 1
        return func(*args, **(kwargs or {}))


def is_view(func) -> bool:
    """Whether the result shares the memory of an argument that is not written."""
    returned = [value.alias_info for value in func._schema.returns]
    return any(alias is not None and not alias.is_write for alias in returned)
