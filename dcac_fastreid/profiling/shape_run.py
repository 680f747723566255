"""A training step on shapes alone: which operations does it run, and how many bytes does it hold at its highest?"""

import weakref
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from dcac_fastreid.dcac import DCAC
from dcac_fastreid.engine.linear_layers import fast_linear_layers
from dcac_fastreid.engine.settings import autocast_dtype
from dcac_fastreid.profiling.build import build
from dcac_fastreid.profiling.known_by_shapes import known_by_shapes
from dcac_fastreid.profiling.model_stats import NoEvents, latents_on_meta
from dcac_fastreid.profiling.step_parts import StepClock, clocked, is_view


@dataclass(frozen=True)
class Shape:
    """A tensor without its data."""

    size: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype


@dataclass
class Operation:
    """What PyTorch dispatched `count` times in a part of the step; tensors among the arguments are Shapes."""

    part: str
    function: torch._ops.OpOverload
    args: tuple
    kwargs: dict
    count: int = 0


@dataclass(frozen=True)
class ShapeRun:
    """What a training step holds, in bytes, and what it runs.

    Attributes:
        weights: parameters and buffers. gradients: of the weights that train.
        updated: weights that the optimizer updates.
        saved: activations that are kept for the backward pass, when the forward pass has ended.
        highest: activations, gradients and passing results together, at the moment when they are most.
        operations: of forward and backward pass.
    """

    weights: int
    gradients: int
    updated: int
    saved: int
    highest: int
    operations: list[Operation]


def run_on_shapes(cfg, num_classes: int) -> ShapeRun:
    """Forward and backward pass of a config on its own device, not compiled.

    Nothing is computed and no memory is taken: PyTorch's fake tensors choose the operations that real ones would.

    Raises: InputError: as `known_by_shapes`.
    """
    with known_by_shapes(cfg):
        return _run_on_shapes(cfg, num_classes)


def _run_on_shapes(cfg, num_classes: int) -> ShapeRun:
    autocast, device, size = autocast_dtype(cfg), torch.device(cfg.MODEL.DEVICE), cfg.SOLVER.IMS_PER_BATCH
    model = build(cfg, num_classes, autocast=autocast)
    moments = latents_on_meta(cfg)[1]([]).shape if isinstance(model, DCAC) else ()
    unused = set(model.unused_parameters()) if isinstance(model, DCAC) else set()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    updated = _bytes(parameter for parameter in trained if parameter not in unused)
    with FakeTensorMode(), NoEvents(), fast_linear_layers(device):
        move_to(model, device)
        if moments:
            at_hand = torch.empty(moments, device=device)
            model.feedback.connect_latents(lambda paths: at_hand, scaling_factor=1.0)
        batch = {
            "images": torch.empty(size, 3, *cfg.INPUT.SIZE_TRAIN, device=device),
            "targets": torch.empty(size, dtype=torch.int64, device=device),
            "camids": torch.empty(size, dtype=torch.int64, device=device),
            "img_paths": [""] * size,
        }
        clock = StepClock(torch.device("cpu"))  # for the names of the parts alone
        no_optimizer = torch.optim.SGD(model.parameters())
        with clocked(model, no_optimizer, clock), Recorder(model, clock) as recorder:
            for parameter in model.parameters():  # fast-reid clears the last step's gradients after the forward pass
                parameter.grad = torch.empty_like(parameter) if parameter.requires_grad else None
            with torch.autocast(device.type, dtype=autocast, enabled=autocast is not None):
                loss = sum(model(batch).values())
            model.zero_grad()
            saved = recorder.held
            loss.backward()
    return ShapeRun(
        weights=_bytes(model.parameters()) + _bytes(model.buffers()),
        gradients=_bytes(trained),
        updated=updated,
        saved=saved,
        highest=recorder.highest,
        operations=list(recorder.operations.values()),
    )


class Recorder(TorchDispatchMode):
    """Writes down what is dispatched, and follows how many bytes are held besides the model's own."""

    def __init__(self, model: nn.Module, clock: StepClock):
        super().__init__()
        self._clock = clock
        self._known = {tensor.untyped_storage()._cdata for tensor in [*model.parameters(), *model.buffers()]}
        self.held = self.highest = 0
        self.operations: dict[str, Operation] = {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if func.namespace == "aten" and not is_view(func):
            for value in tree_leaves(result):
                if isinstance(value, Tensor):
                    self._hold(value.untyped_storage())
            shapes = tree_map_only(Tensor, _shape, (args, kwargs))
            operation = Operation(self._clock.part, func, *shapes)
            self.operations.setdefault(repr((operation.part, func, shapes)), operation).count += 1
        return result

    def _hold(self, storage: torch.UntypedStorage) -> None:
        identity, size = storage._cdata, storage.nbytes()
        if identity in self._known:
            return
        self._known.add(identity)
        self.held += size
        self.highest = max(self.highest, self.held)
        weakref.finalize(storage, self._let_go, identity, size)

    def _let_go(self, identity: int, size: int) -> None:
        self._known.discard(identity)
        self.held -= size


def _shape(tensor: Tensor) -> Shape:
    return Shape(tuple(tensor.shape), tensor.stride(), tensor.dtype)


def _bytes(tensors) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def move_to(model: nn.Module, device: torch.device) -> None:
    """The weights of a model on the meta device become fake tensors of a device."""

    def fake(tensor: Tensor) -> Tensor:
        return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device=device)

    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            setattr(module, name, nn.Parameter(fake(parameter), parameter.requires_grad))
        for name, buffer in module.named_buffers(recurse=False):
            setattr(module, name, fake(buffer))
