"""Where a step's numbers wait until somebody reads them: the GPU is not asked for them one by one."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from dcac_fastreid.errors import DivergenceError
from fastreid.engine import train_loop
from fastreid.utils import events
from fastreid.utils.history_buffer import HistoryBuffer

LIMIT = 500  # numbers that may wait, about 100 steps: so long may a loss that is NaN stay unseen


class DeviceEventStorage(events.EventStorage):
    """fast-reid's storage, whose scalars may be tensors; they stay on their device until anything is read.

    Reading is one copy for all that wait. Writers, checkpoints and hooks read through the host's own methods.
    """

    def __init__(self, start_iter: int = 0):
        super().__init__(start_iter)
        self._waiting: list[tuple[str, float | Tensor, bool, int]] = []

    def put_scalar(self, name: str, value: float | Tensor, smoothing_hint: bool = True) -> None:
        """As the host's. Of a tensor (one element) the value of this moment is kept.

        Raises: DivergenceError: too many wait, and one that was read is a total_loss that is infinite or NaN.
        """
        if isinstance(value, Tensor):
            value = (
                value.detach().reshape(()).float().clone()
            )  # an accuracy may be changed in place, a learning rate is
        elif not self._waiting:
            super().put_scalar(name, value, smoothing_hint)
            return
        # Numbers behind a tensor wait too: a history is in the order in which it was put.
        self._waiting.append((self._current_prefix + name, value, smoothing_hint, self._iter))
        if len(self._waiting) >= LIMIT:
            self._read()

    def waiting(self) -> list[tuple[str, float | Tensor]]:
        """Names and values of those that were not read yet."""
        return [(name, value) for name, value, _, _ in self._waiting]

    def smoothing_hints(self) -> Mapping[str, bool]:
        self._read()
        return super().smoothing_hints()

    def history(self, name: str) -> HistoryBuffer:
        self._read()
        return super().history(name)

    def histories(self) -> Mapping[str, HistoryBuffer]:
        self._read()
        return super().histories()

    def latest(self) -> Mapping[str, tuple[float, int]]:
        self._read()
        return super().latest()

    def latest_with_smoothing_hint(self, window_size: int = 20) -> Mapping[str, tuple[float, int]]:
        self._read()
        return super().latest_with_smoothing_hint(window_size)

    def _read(self) -> None:
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        values = _numbers([value for _, value, _, _ in waiting])
        now, prefix = self._iter, self._current_prefix
        self._current_prefix = ""  # the names have theirs
        for (name, _, smoothing_hint, step), value in zip(waiting, values, strict=True):
            if name == "total_loss" and not math.isfinite(value):
                losses = {n: v for (n, _, _, at), v in zip(waiting, values, strict=True) if at == step and "loss" in n}
                named = ", ".join(f"{loss} {number:.4g}" for loss, number in losses.items())
                raise DivergenceError(f"the losses of step {step} are {named}")
            self._iter = step
            super().put_scalar(name, value, smoothing_hint)
        self._iter, self._current_prefix = now, prefix


def _numbers(values: list[float | Tensor]) -> list[float]:
    """One copy for each device that tensors are on."""
    numbers = list(values)
    for device in {value.device for value in values if isinstance(value, Tensor)}:
        there = [index for index, value in enumerate(values) if isinstance(value, Tensor) and value.device == device]
        for index, number in zip(there, torch.stack([values[index] for index in there]).tolist(), strict=True):
            numbers[index] = number
    return numbers


def keep_on_device() -> None:
    """fastreid/utils/events.py:304 (EventStorage.put_scalar) makes a float of every tensor at once.

    Any version with a GPU: the training accuracy (modeling/losses/cross_entroy_loss.py:28) and the losses make the program
    wait for the GPU several times in every step.
    """
    events.EventStorage = train_loop.EventStorage = DeviceEventStorage
