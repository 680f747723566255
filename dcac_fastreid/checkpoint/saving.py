"""What a training saves: whole or not at all, and nothing that is NaN or infinite."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from dcac_fastreid.checkpoint.resuming import AVERAGE, AVERAGED, TRAINED
from dcac_fastreid.errors import DivergenceError, InputError
from dcac_fastreid.output_files import write_whole


def save_checkpoint(
    file: str | Path,
    model: nn.Module,
    parts: Mapping[str, object],
    *,
    image_size: tuple[int, int] | None = None,
    **extra,
) -> None:
    """Writes fast-reid's layout: "model", and the state dict of each of `parts` (optimizer, schedulers, ...) by its name.

    Args:
        image_size: of the images whose features are tried first, see `check_features`; None for none.
    Raises:
        DivergenceError: weights or optimizer are NaN or infinite. InputError: the file cannot be written. What was there
            before is as it was.
    """
    # The parts first: where one of them reads the losses, it is they that the error names.
    state = {name: part.state_dict() for name, part in parts.items()}
    state = {"model": model.state_dict(), **state, **extra}
    check_finite(state, masks={name for name, _ in model.named_buffers()})
    if image_size:
        check_features(model, image_size)
    try:
        write_whole(file, lambda stream: torch.save(state, stream))
    except InputError as error:
        raise InputError(f"{error}; what was saved before is whole: go on with --resume") from error


def check_finite(state: Mapping, masks: set[str] = frozenset()) -> None:
    """Raises DivergenceError where a tensor in a checkpoint is NaN or infinite.

    Args:
        masks: names in the model that may hold -inf, as attention masks do: its buffers.
    """
    bad = []
    for part, entry in state.items():
        for name, tensor in _tensors(entry):
            may_be_mask = part in ("model", TRAINED, AVERAGE) and name.removeprefix(AVERAGED) in masks
            wrong = tensor.isnan() | tensor.isposinf() if may_be_mask else ~tensor.isfinite()
            bad += [(part, name, wrong.any())]
    named = [f"{part} {name}" for part, name, wrong in bad if wrong]
    if named:
        more = f" and {len(named) - 2} more" if len(named) > 2 else ""
        raise DivergenceError(f"NaN or infinite numbers in {', '.join(named[:2])}{more}")


@torch.no_grad()
def check_features(model: nn.Module, image_size: tuple[int, int]) -> None:
    """Raises DivergenceError where the model's features are NaN or infinite: its weights are finite, and too large.

    The next step would end in NaN, and so would a test or a run that goes on from here.

    Args:
        model: takes {"images": (B, 3, H, W)} in [0, 255], as fast-reid's do. image_size: H, W.
    """
    images = torch.randint(256, (2, 3, *image_size), generator=torch.Generator().manual_seed(0)).float()
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        features = model({"images": images.to(next(model.parameters()).device)})
    finally:
        for module in training:  # one by one: frozen layers stay as they are
            module.training = True
    if isinstance(features, Tensor) and not features.isfinite().all():
        raise DivergenceError("weights so large that the features of an image are NaN or infinite")


def _tensors(entry: object, name: str = "") -> Iterator[tuple[str, Tensor]]:
    """Floating-point tensors at any depth, with the keys on the way to them."""
    if isinstance(entry, Tensor) and entry.is_floating_point():
        yield name, entry
    elif isinstance(entry, Mapping | list | tuple):
        for key, value in entry.items() if isinstance(entry, Mapping) else enumerate(entry):
            yield from _tensors(value, f"{name}.{key}" if name else str(key))
