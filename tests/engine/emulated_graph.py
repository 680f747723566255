"""CUDA graphs on a machine without a GPU: a tape of the operations that PyTorch dispatches, run again at "replay".

As of a real graph: what is recorded is not carried out; a replay computes with the same memory, whatever Python has bound to its
names since then; numbers of the host are those of the recording; random numbers go on, of registered generators.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from dcac_fastreid.engine import trainer

ASKS = (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.nonzero.default)


class EmulatedGraph:
    """In the place of torch.cuda.CUDAGraph.

    Attributes:
        tape: operations with what they were called with and what they returned.
        replays: how many there were.
    """

    def __init__(self):
        self.generators: list[torch.Generator] = []
        self.tape: list[tuple] = []
        self.replays = 0

    def register_generator_state(self, generator: torch.Generator) -> None:
        self.generators.append(generator)

    @torch.no_grad()
    def replay(self) -> None:
        self.replays += 1
        for operation, args, kwargs, results in self.tape:
            storages = {leaf.untyped_storage()._cdata for leaf in _tensors((args, kwargs))}
            again = operation(*args, **kwargs)
            for result, value in zip(_tensors(results), _tensors(again), strict=True):
                if result.untyped_storage()._cdata not in storages:  # else a view, or what was written to
                    result.copy_(value)


class _Recording(TorchDispatchMode):
    """Writes a tape; what it changed is as before in the end."""

    def __init__(self, graph: EmulatedGraph):
        super().__init__()
        self._graph = graph
        self._before: dict[int, tuple[Tensor, Tensor]] = {}
        self._new: set[int] = set()

    def __enter__(self):
        generators = [torch.default_generator, *self._graph.generators]
        self._states = [(generator, generator.get_state()) for generator in generators]
        return super().__enter__()

    def __exit__(self, *error):
        super().__exit__(*error)
        with torch.no_grad():
            for tensor, value in self._before.values():
                tensor.copy_(value)
        for generator, state in self._states:
            generator.set_state(state)

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if operation in ASKS:
            raise RuntimeError("operation not permitted when stream is capturing")
        generator = kwargs.get("generator")  # another object in Python than the registered one
        if generator is not None and generator._cdata not in [known._cdata for known in self._graph.generators]:
            raise RuntimeError("Attempt to increase offset for a CUDA generator not in capture mode")
        for argument, value in zip(operation._schema.arguments, args, strict=False):
            written = argument.alias_info is not None and argument.alias_info.is_write
            if written or argument.name in ("running_mean", "running_var"):  # of which PyTorch does not say it
                self._keep(value)
        results = operation(*args, **kwargs)
        there = {leaf.untyped_storage()._cdata for leaf in _tensors((args, kwargs))}
        self._new |= {leaf.untyped_storage()._cdata for leaf in _tensors(results)} - there
        self._graph.tape.append((operation, args, kwargs, results))
        return results

    def _keep(self, written) -> None:
        for tensor in _tensors(written):
            storage = tensor.untyped_storage()._cdata
            if storage not in self._new and id(tensor) not in self._before:
                self._before.setdefault(id(tensor), (tensor, tensor.clone()))


def _go_on_as(generator: torch.Generator) -> None:
    torch.set_rng_state(generator.get_state())


def _tensors(tree) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


@contextmanager
def emulated_graphs() -> Iterator[list[EmulatedGraph]]:
    """Inside, SOLVER.CUDA_GRAPH is served on the CPU; yields the graphs that are made."""
    graphs: list[EmulatedGraph] = []
    stream = SimpleNamespace(wait_stream=lambda other: None)
    default = SimpleNamespace(get_state=torch.get_rng_state, graphsafe_set_state=_go_on_as)

    def graph() -> EmulatedGraph:
        graphs.append(EmulatedGraph())
        return graphs[-1]

    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(trainer, "why_not_captured", lambda *args: None)
        patch.setattr(torch.cuda, "CUDAGraph", graph)
        patch.setattr(torch.cuda, "graph", lambda graph, stream, capture_error_mode: _Recording(graph))
        patch.setattr(torch.cuda, "Stream", lambda device: stream)
        patch.setattr(torch.cuda, "default_generators", (default,))
        patch.setattr(torch.cuda, "current_stream", lambda *args: stream)
        patch.setattr(torch.cuda, "stream", nullcontext)
        patch.setattr(torch.cuda, "set_stream", lambda stream: None)
        yield graphs
