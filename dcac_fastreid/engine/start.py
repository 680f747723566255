"""Which encoder did a run begin with? A resumed run must find it again, without keeping it in every checkpoint."""

import logging
from collections.abc import Mapping

from torch import Tensor, nn

from dcac_fastreid.checkpoint.interpolation import ENCODER, weights_hash
from dcac_fastreid.errors import InputError
from dcac_fastreid.tensor_files import read_state_dict

logger = logging.getLogger("fastreid.dcac")


class EncoderStart:
    """The encoder before the first step: pre-trained, or that of the checkpoint MODEL.WEIGHTS.

    Its hash goes into every checkpoint. Its weights are kept in the memory of the CPU, and only where they are needed.

    Args:
        encoder: as it was built, with its pre-trained weights, before any checkpoint is loaded.
        weights_file: MODEL.WEIGHTS; "" for none.
        keep: whether the weights are kept, for telemetry, an interpolation or a pull towards them.
        required: whether a run cannot go on without them, as an interpolation and a pull cannot.
    Attributes:
        weights: the encoder's state dict on the CPU, after `begin` or `go_on`; empty where they are not kept, or not found again.
        hash: of the weights; None before, and of a resumed run that does not know its own.
    """

    def __init__(self, encoder: nn.Module, weights_file: str, *, keep: bool, required: bool):
        self._encoder, self._file, self._keep, self._required = encoder, weights_file, keep, required
        self.weights = _copy(encoder.state_dict()) if keep else {}
        self.hash: str | None = None

    def begin(self) -> None:
        """Before the first step of a run, when MODEL.WEIGHTS is loaded."""
        self.weights = _copy(self._encoder.state_dict()) if self._keep else {}
        self.hash = weights_hash(self._encoder.state_dict())

    def go_on(self, of_run: str | None) -> None:
        """In the place of `begin`, when a checkpoint of the run is loaded and the encoder is the trained one.

        Args: of_run: the hash in that checkpoint; None of an earlier version's.
        Raises: InputError or FileNotFoundError: the weights that the run began with are required, and they are not what they
            were.
        """
        self.hash = of_run
        if not self._keep:
            return
        try:
            self.weights = starting_weights(self.weights, self._file)
            found = weights_hash(self.weights)
            check_start(found, of_run)
            self.hash = found
        except (InputError, FileNotFoundError) as error:
            if self._required:
                raise
            self.weights = {}
            logger.warning(f"How far the encoder has moved is not measured: {error}")


def starting_weights(built: Mapping[str, Tensor], weights_file: str) -> dict[str, Tensor]:
    """The encoder that a training begins with.

    Args:
        built: its state dict as the model is built. weights_file: MODEL.WEIGHTS; "" for none.
    Raises: InputError: the file cannot be read.
    """
    if not weights_file:
        return dict(built)
    found = read_state_dict(weights_file)
    named = {name: found.get(f"{ENCODER}{name}") for name in built}
    return {  # as fast-reid's Checkpointer: what does not fit stays as it was built
        name: built[name] if weight is None or weight.shape != built[name].shape else weight.to(built[name])
        for name, weight in named.items()
    }


def check_start(found: str, of_run: str | None) -> None:
    """Raises InputError: the encoder found as the start has another hash than the run's own."""
    if of_run is not None and found != of_run:
        raise InputError(
            f"the run began with another encoder (SHA-256 {of_run[:12]}...) than the one of this config ({found[:12]}...), so "
            "nothing can be interpolated or measured between it and the trained one; give back the file that "
            "MODEL.BACKBONE.PRETRAIN_PATH, or MODEL.WEIGHTS, named when the run began"
        )


def _copy(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: weight.detach().to("cpu", copy=True) for name, weight in weights.items()}
