"""Do a checkpoint's entries fit the optimizer and the schedules that they shall be loaded into?"""

import inspect
import math
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.optim import Optimizer

from dcac_fastreid.errors import InputError

HOW_COMPUTED = {"params", "foreach", "fused", "capturable", "differentiable"}  # no matter of the run
# What moves during a run, and what PyTorch's versions keep for themselves.
MOVES = {"lr", "last_epoch", "_last_lr", "_step_count", "_get_lr_called_within_step", "_is_initial", "verbose"}


def check_optimizer(state: Mapping, optimizer: Optimizer) -> None:
    """Raises InputError for the state of another optimizer, or of one with other settings; for a malformed one, whatever comes.

    PyTorch takes settings, the learning rate included, from what it loads, and looks at nothing else until the next step.
    """
    saved, ours = state["param_groups"], optimizer.state_dict()["param_groups"]
    sizes, our_sizes = ([len(group["params"]) for group in groups] for groups in (saved, ours))
    if sizes != our_sizes:
        raise InputError(f"its optimizer has groups of {sizes} weights, that of this config {our_sizes}")
    for theirs, group in zip(saved, ours, strict=True):
        if foreign := theirs.keys() - group.keys() - HOW_COMPUTED:
            raise InputError(f"its optimizer is another one, which has {', '.join(sorted(foreign))}")
        if list(theirs["params"]) != group["params"] or not 0 <= _number(theirs["lr"]) < math.inf:
            raise ValueError(f"lr {theirs['lr']} of other weights")
        if any(not isinstance(theirs.get(name), bool | None) for name in HOW_COMPUTED - {"params"}):
            raise TypeError("a setting of how the optimizer computes")
        _check_settings(theirs, group, "optimizer")
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    kept = _kept(optimizer)
    for index, values in state["state"].items():
        if kept and values.keys() != kept.keys():
            raise InputError(f"its optimizer is another one, which keeps {', '.join(sorted(map(str, values)))}")
        for name, value in values.items():
            if isinstance(value, Tensor):
                if value.numel() != 1 and value.shape != parameters[index].shape:
                    raise ValueError(f"{name} of shape {tuple(value.shape)}")
            elif value is not None or isinstance(kept.get(name), Tensor):
                _number(value)


def check_schedule(state: Mapping, schedule) -> None:
    """As `check_optimizer`; a schedule takes over whatever it is given."""
    if not isinstance(state["last_epoch"], int) or state["last_epoch"] < 0:
        raise ValueError(f"last_epoch {state['last_epoch']}")
    ours = schedule.state_dict()
    for name in MOVES & ours.keys() & state.keys():
        if type(_plain(state[name])) is not type(_plain(ours[name])):
            raise TypeError(f"{name} is a {type(state[name]).__name__}")
    if foreign := state.keys() - ours.keys() - MOVES:
        raise InputError(f"its schedule is another one, which has {', '.join(sorted(foreign))}")
    for rates in (state.get(name, []) for name in ("base_lrs", "_last_lr")):
        if any(not math.isfinite(_number(rate)) for rate in rates):
            raise ValueError(f"learning rates {rates}")
    _check_settings(state, ours, "schedule")


def _check_settings(saved: Mapping, ours: Mapping, of: str) -> None:
    for name in ours.keys() & saved.keys() - HOW_COMPUTED - MOVES:
        if _plain(saved[name]) != _plain(ours[name]):
            raise InputError(f"its {of} has {name} {_plain(saved[name])}, that of this config {_plain(ours[name])}")


def _kept(optimizer: Optimizer) -> dict:
    """What an optimizer of this kind keeps of a weight, by name, seen in a step; nothing where that fails."""
    weight = torch.zeros(1, requires_grad=True)
    weight.grad = torch.ones(1)
    known = inspect.signature(type(optimizer)).parameters.keys() - HOW_COMPUTED
    settings = {key: value for key, value in optimizer.param_groups[0].items() if key in known}
    try:
        trial = type(optimizer)([weight], **{**settings, "lr": 0.0})
        trial.step()
    except Exception:  # of an optimizer that a script brings
        return {}
    return trial.state[weight]


def _number(value: Tensor | float) -> float:
    if isinstance(value, bool) or not isinstance(value, Tensor | int | float):
        raise TypeError(f"{type(value).__name__} for a number")
    return float(value)


def _plain(value):
    """Comparable whatever it went through: a captured step makes tensors of numbers, a file lists of tuples."""
    if isinstance(value, Tensor):
        return value.tolist()
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
