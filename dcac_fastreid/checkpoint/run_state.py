"""What a resumed run needs besides weights, optimizer and schedule, so that it goes on as if it had never been stopped."""

import random
from collections.abc import Callable

import numpy as np
import torch

from fastreid.utils.events import EventStorage
from fastreid.utils.history_buffer import HistoryBuffer

SMOOTHED = 20  # fast-reid's writers smooth over so many values
CLOCK = ("time", "data_time", "eta_seconds")  # of this process: a resumed one takes its own


def random_states() -> dict:
    """The global random generators' states: Python's, NumPy's, PyTorch's on the CPU and on every GPU."""
    version, numbers, gauss = random.getstate()
    name, keys, position, has_gauss, cached = np.random.get_state()
    return {
        "python": [version, list(numbers), gauss],
        "numpy": [name, torch.from_numpy(keys.astype(np.int64)), position, has_gauss, cached],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def set_random_states(states: dict) -> None:
    """The counterpart of `random_states`. Generators of GPUs that this machine does not have are left out."""
    _set_random_states(states, random.setstate, np.random.set_state, torch.set_rng_state)
    for device, state in enumerate(states["cuda"][: torch.cuda.device_count()]):
        torch.cuda.set_rng_state(state, device)


def check_random_states(states: dict) -> None:
    """Raises whatever `set_random_states` would raise, and moves no generator."""
    _set_random_states(states, random.Random().setstate, np.random.RandomState().set_state, torch.Generator().set_state)
    if not isinstance(states["cuda"], list) or any(state.dtype != torch.uint8 for state in states["cuda"]):
        raise TypeError("random state of another type")


def _set_random_states(states: dict, set_python: Callable, set_numpy: Callable, set_torch: Callable) -> None:
    version, numbers, gauss = states["python"]
    set_python((version, tuple(numbers), gauss))
    name, keys, position, has_gauss, cached = states["numpy"]
    set_numpy((name, keys.numpy().astype(np.uint32), position, has_gauss, cached))
    set_torch(states["torch"])


def logged_values(storage: EventStorage) -> dict:
    """The scalars of fast-reid's storage: of each the latest value, its step, and as many before it as writers smooth over."""
    return {
        name: {
            "latest": list(storage.latest()[name]),
            "history": [list(pair) for pair in history._data[-SMOOTHED:]],
            "smoothed": storage.smoothing_hints()[name],
        }
        for name, history in storage.histories().items()
        if name in storage.latest() and name not in CLOCK
    }


def set_logged_values(storage: EventStorage, values: dict) -> None:
    """The counterpart of `logged_values`, into a fresh storage."""
    for name, saved in values.items():
        history = HistoryBuffer()
        for value, step in saved["history"]:
            history.update(value, step)
        storage._history[name] = history
        storage._latest_scalars[name] = tuple(saved["latest"])
        storage._smoothing_hints[name] = saved["smoothed"]
