"""Models whose steps cannot be followed on shapes alone: one sentence in place of PyTorch's error."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from torch._subclasses.fake_tensor import DataDependentOutputException, DynamicOutputShapeException

from dcac_fastreid.errors import InputError

BY_VALUES = (DataDependentOutputException, DynamicOutputShapeException)
NO_VALUES = re.compile(r"\.item\(\) cannot be called on meta tensors|register_meta function|with Meta tensors")


@contextmanager
def known_by_shapes(cfg) -> Iterator[None]:
    """Around a step on the meta device or on fake tensors.

    Raises: InputError: which operations come next depends on values, as in fast-reid's Baseline and TripletLoss.
    """
    try:
        yield
    except RuntimeError as error:  # and NotImplementedError
        if not isinstance(error, BY_VALUES) and not NO_VALUES.search(str(error)):
            raise
        raise InputError(
            f"a training step of MODEL.META_ARCHITECTURE {cfg.MODEL.META_ARCHITECTURE} with MODEL.LOSSES.NAME "
            f"{', '.join(cfg.MODEL.LOSSES.NAME)} cannot be counted on shapes alone: which operations it runs depends on the "
            "values of its tensors, as in fast-reid's Baseline, TripletLoss and CircleLoss; take other ones, or measure a short "
            "training"
        ) from error
