"""A GPU that computes shapes alone, on any machine: it notices what a real one would refuse, or wait for.

PyTorch's FakeTensorMode knows of every tensor its shape, type and device. It does not know backward passes, generators of a GPU,
loss scalers, streams and graphs; for these there are stand-ins, or another test.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses import FakeTensorMode
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

aten = torch.ops.aten
COPIES = (aten._to_copy.default, aten.copy_.default)
# Operations of which the host must know the result before it can go on, and randperm, which looks at its own.
WAITING = (
    aten._local_scalar_dense, aten.nonzero, aten.masked_select, aten.bincount, aten.equal, aten.is_nonzero, aten._unique2,
    aten.randperm,
)  # fmt: skip


# In place, and unknown to FakeTensorMode: with a learning rate in a tensor, as a recorded step has it.
WITHOUT_SHAPES = (aten._fused_adam_.tensor_lr, aten._fused_adamw_.tensor_lr)
# What a tensor of the fake GPU is to Python, where it may be asked.
NUMBERS = {"__bool__": False, "__int__": 0, "__float__": 0.0}


class Waits(AssertionError):
    """The host would wait for the GPU."""


class WrongDevice(AssertionError):
    """An operation whose tensors, or random numbers, are of different devices."""


class _Generator(torch.Generator):
    """In the place of torch.Generator, which knows the GPUs that are there alone."""

    def __new__(cls, device: torch.device | str = "cpu"):
        generator = super().__new__(cls)
        generator.asked_for = torch.device(device)
        return generator

    @property
    def device(self) -> torch.device:
        return self.asked_for


class FakeGpu(TorchDispatchMode):
    """Looks at every operation before it runs.

    Attributes:
        may_wait: whether the host may wait for the GPU, as while a model is built. See `no_waiting`.
    """

    def __init__(self):
        super().__init__()
        self.may_wait = True

    @contextmanager
    def no_waiting(self) -> Iterator[None]:
        self.may_wait = False
        try:
            yield
        finally:
            self.may_wait = True

    def waits(self, what: str) -> None:
        if not self.may_wait:
            raise Waits(what)

    def bincount(self, values: Tensor, minlength: int = 0) -> Tensor:
        """torch.bincount, whose result is as long as its largest value says, where that is below `minlength`."""
        self.waits("torch.bincount")
        return torch.empty(minlength, dtype=torch.int64, device=values.device)

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        if operation in COPIES:
            self._look_at_copy(operation, args, kwargs)
        elif len({tensor.device for tensor in tensors if tensor.dim()}) > 1:
            # A number (no dimension) of the CPU goes with the call; of an index PyTorch would make a copy and wait for it.
            raise WrongDevice(f"{operation} of {[(str(tensor.device), tuple(tensor.shape)) for tensor in tensors]}")
        on_gpu = any(tensor.is_cuda for tensor in tensors) or torch.device(kwargs.get("device") or "cpu").type == "cuda"
        if on_gpu and operation.overloadpacket in WAITING:
            self.waits(str(operation))
        if any(tensor.is_cuda and tensor.dtype == torch.bool for tensor in _indices(operation, args)):
            self.waits(f"{operation} by a mask: how many it chooses is known on the GPU alone")
        if operation in WITHOUT_SHAPES:
            return None
        return operation(*args, **kwargs)

    def _look_at_copy(self, operation, args, kwargs) -> None:
        if operation is aten.copy_.default:
            to, source, non_blocking = args[0].device, args[1].device, args[2] if len(args) > 2 else False
        else:
            to, source, non_blocking = torch.device(kwargs.get("device") or args[0].device), args[0].device, False
        if to.type != source.type and not (non_blocking or kwargs.get("non_blocking")):
            self.waits(f"a copy from {source} to {to} of {tuple(args[0].shape)}, without non_blocking")


def _indices(operation, args) -> list[Tensor]:
    if operation.overloadpacket in (aten.index, aten.index_put, aten.index_put_):
        return [index for index in args[1] if index is not None]
    return []


class _Generators(TorchFunctionMode):
    """Random numbers are drawn on the device of their generator."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if (generator := kwargs.pop("generator", None)) is not None:
            drawn_on = torch.device(kwargs.get("device") or (args[0].device if isinstance(args[0], Tensor) else "cpu"))
            if drawn_on.type != generator.device.type:
                raise WrongDevice(f"{function.__name__} on {drawn_on}, generator on {generator.device}")
        return function(*args, **kwargs)


@contextmanager
def fake_gpu() -> Iterator[FakeGpu]:
    """Inside, tensors are made and computed with on a GPU that is not there.

    Raises, from the operation: Waits, WrongDevice, or RuntimeError of PyTorch's own.
    """
    gpu, scaler = FakeGpu(), torch.amp.GradScaler
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(torch, "Generator", _Generator)
        patch.setattr(torch.amp, "GradScaler", lambda device: scaler(device, enabled=False))
        patch.setattr(torch.cuda.amp.common, "amp_definitely_not_available", lambda: False)
        patch.setattr(torch.cuda, "is_bf16_supported", lambda *args: True)
        patch.setattr(torch.Tensor, "pin_memory", lambda tensor: tensor)
        patch.setattr(torch.Tensor, "backward", _made_up_gradients)
        patch.setattr(nn.Module, "_apply", _moved)
        patch.setattr(torch, "bincount", gpu.bincount)
        for name in ("tolist", "numpy", *NUMBERS):
            patch.setattr(torch.Tensor, name, _asking(gpu, name, getattr(torch.Tensor, name)))
        stack.enter_context(FakeTensorMode())
        stack.enter_context(gpu)
        stack.enter_context(_Generators())
        yield gpu


def _asking(gpu: FakeGpu, name: str, method):
    def asking(tensor, *args, **kwargs):
        if tensor.is_cuda:
            gpu.waits(f"Tensor.{name}")
            if name in NUMBERS:
                return NUMBERS[name]
        return method(tensor, *args, **kwargs)

    return asking


def _moved(module: nn.Module, change, recurse: bool = True) -> nn.Module:
    """nn.Module._apply with new Parameters: PyTorch's own exchanges the data of the old ones, which fake tensors refuse."""
    for child in module.children():
        _moved(child, change)
    with torch.no_grad():
        for name, weight in module._parameters.items():
            if weight is not None and (changed := change(weight)) is not weight:
                module._parameters[name] = nn.Parameter(changed, weight.requires_grad)
    for name, buffer in module._buffers.items():
        if buffer is not None:
            module._buffers[name] = change(buffer)
    return module


def _made_up_gradients(loss: Tensor) -> None:
    """In the place of backward: a gradient for every weight that the loss depends on, as its graph says."""
    assert loss.is_cuda and loss.dim() == 0
    todo, seen = [loss.grad_fn], set()
    while todo:
        node = todo.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            node.variable.grad = torch.empty_like(node.variable)
        todo += [before for before, _ in node.next_functions]
