"""Which weights do tests and readers of checkpoints get? Those that train, or their average, and at the end interpolated ones."""

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import nn

from dcac_fastreid.checkpoint.interpolation import INTERPOLATED
from dcac_fastreid.checkpoint.resuming import TRAINED
from dcac_fastreid.engine.average import WeightAverage, parts_of, put_parts
from dcac_fastreid.engine.interpolation import Interpolation
from dcac_fastreid.errors import InputError


class TestedWeights:
    """Gives a model other modules while it is tested and saved, and back those that train before it goes on.

    The modules that train are set aside whole, so optimizer, recorded steps and telemetry know no difference. With neither
    an average nor an interpolation nothing happens.

    Args:
        model: with `backbone` and `heads`.
        estimate: sets the BNNeck's statistics of the model again.
        average: of the weights that train.
        interpolation: made at the end of the training; called then, to have what it needs.
    """

    __test__ = False  # no test class of pytest

    def __init__(
        self,
        model: nn.Module,
        estimate: Callable[[nn.Module], None],
        *,
        average: WeightAverage | None = None,
        interpolation: Callable[[], Interpolation] | None = None,
    ):
        self._model, self._estimate = model, estimate
        self._average, self._interpolation = average, interpolation
        self._aside: nn.ModuleDict | None = None
        self._interpolated: dict[str, Any] | None = None

    def put_in(self, *, last: bool) -> None:
        """The model gets the weights to test, where it has not got them already.

        Args: last: whether the training is over, so that its end is interpolated.
        """
        interpolated = last and self._interpolation is not None
        if self._aside is not None or not (self._average or interpolated):
            return
        self._aside = parts_of(self._model)
        parts = self._average.parts if self._average else self._aside
        put_parts(self._model, copy.deepcopy(parts) if interpolated else parts)
        if interpolated:
            self._interpolated = self._interpolation().apply(self._model)
        else:
            self._estimate(self._model)

    def take_out(self) -> None:
        """The model gets the weights that train."""
        if self._aside is not None:
            put_parts(self._model, self._aside)
            self._aside, self._interpolated = None, None

    @contextmanager
    def taken_out(self) -> Iterator[None]:
        """Inside, the model has the weights that train; behind it those that it had before, which are not made again."""
        if self._aside is None:
            yield
            return
        tested = parts_of(self._model)
        put_parts(self._model, self._aside)
        try:
            yield
        finally:
            put_parts(self._model, tested)

    def entries(self) -> Mapping[str, Any]:
        """What a checkpoint needs besides the model as it is now: the weights to go on with, and what was made of them."""
        if self._aside is None:
            return {}
        entries = {TRAINED: dict(self._aside.state_dict())}
        return entries | ({INTERPOLATED: self._interpolated} if self._interpolated else {})


def check_parts(cfg, model: nn.Module) -> None:
    """Asks whether a model has the parts that SOLVER.EMA and SOLVER.INTERPOLATE work on.

    Raises: InputError: an architecture without fast-reid's `backbone` and `heads` with a `bottleneck`.
    """
    asked = [name for name, on in (("EMA", uses_average(cfg)), ("INTERPOLATE", uses_interpolation(cfg))) if on]
    if asked and not (hasattr(model, "backbone") and hasattr(getattr(model, "heads", None), "bottleneck")):
        raise InputError(
            f"SOLVER.{asked[0]} is on, but {cfg.MODEL.META_ARCHITECTURE} with {cfg.MODEL.HEADS.NAME} has no backbone and heads "
            "with a bottleneck, as fast-reid's Baseline with an EmbeddingHead has; switch it off"
        )


def uses_average(cfg) -> bool:
    return cfg.SOLVER.EMA.EPOCHS > 0


def uses_interpolation(cfg) -> bool:
    return cfg.SOLVER.INTERPOLATE.ALPHA != 1 or bool(cfg.SOLVER.INTERPOLATE.CHOOSE)
