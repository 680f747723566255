"""Does an exported encoder give what the encoder gives, in batches of any size, and how fast? N probe images."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from dcac_fastreid.deploy.encoder import Encoder
from dcac_fastreid.deploy.export.agreement import ASKED, LEAST_SPAN, Agreement, compare, span
from dcac_fastreid.deploy.export.latency import Latency, time_in_turns
from dcac_fastreid.deploy.export.probe import Probe
from dcac_fastreid.deploy.pixels import pixels_of
from dcac_fastreid.errors import InputError, first_line

CHECKED_BATCHES = (1, 3, 8)
TIMED_BATCHES = (1, 8)
TRY = "nothing is written; try another --opset, or another version of PyTorch and onnxruntime"

Run = Callable[[Tensor], Tensor]  # (B, 3, H, W) to (B, D)


class Disagreement(InputError):
    """An exported encoder does not give the features that PyTorch gives."""


class Measured(NamedTuple):
    agreements: dict[int, Agreement]  # by batch
    latencies: dict[int, tuple[Latency, Latency]]  # by batch: PyTorch's, the export's


class Comparison:
    """The probe images' features by PyTorch, as fast-reid tests the encoder, to measure exports against.

    Attributes: expected: these features, (N, D), rows of length 1.

    Args:
        pixels: that the export is fed with, a name of pixels.py.
    Raises: InputError: the features are no numbers, or so much alike that rankings by them tell nothing.
    """

    def __init__(self, encoder: Encoder, probe: Probe, pixels: str):
        self._model, self._probe = encoder.model, probe
        self._fed = fed_with(probe.images, pixels, encoder)
        self.expected = features_of(self._pytorch, probe.images, max(CHECKED_BATCHES))
        if not self.expected.isfinite().all():
            raise InputError(f"{encoder.file} gives features that are no finite numbers; its training has diverged")
        spanned = span(self.expected)
        if spanned < LEAST_SPAN:
            raise InputError(
                f"{probe.what} are all alike to the encoder of {encoder.file} (similarities span {spanned:.0e}, less than "
                f"{LEAST_SPAN:.0e}), so a ranking tells nothing; name a folder with images of several people by --probe"
            )

    def measure(self, run: Run, format: str) -> Measured:
        """Raises: Disagreement: at some batch size the features or the rankings differ, or it does not run."""
        agreements, latencies = {}, {}
        for batch in tqdm(CHECKED_BATCHES, desc=f"{format}: comparing", unit="batch", disable=None, leave=False):
            agreements[batch] = self._agreement(run, format, batch)
        for batch in tqdm(TIMED_BATCHES, desc=f"{format}: timing", unit="batch", disable=None, leave=False):
            rows = _rows(len(self._fed), batch)[0]
            ways = [partial(self._pytorch, self._probe.images[rows]), partial(run, self._fed[rows])]
            latencies[batch] = tuple(time_in_turns(ways, batch))
        return Measured(agreements, latencies)

    def _pytorch(self, images: Tensor) -> Tensor:
        return functional.normalize(self._model({"images": images}))

    def _agreement(self, run: Run, format: str, batch: int) -> Agreement:
        try:
            exported = features_of(run, self._fed, batch)
        except Exception as error:  # a runtime's, of a size that it does not take
            raise Disagreement(
                f"as {format} the encoder does not run in batches of {batch} ({first_line(error)}); {TRY}"
            ) from error
        agreement = compare(self.expected, exported)
        if not agreement.agrees:
            raise Disagreement(
                f"as {format}, in batches of {batch}, the encoder does not give PyTorch's features on {self._probe.what}: "
                f"{agreement}; asked for are {ASKED}; {TRY}"
            )
        return agreement


def fed_with(images: Tensor, pixels: str, encoder: Encoder) -> Tensor:
    """(N, 3, H, W), RGB in [0, 255], as pixels of another kind, a name of pixels.py."""
    model = encoder.cfg.MODEL
    fed = pixels_of(pixels, model.PIXEL_MEAN, model.PIXEL_STD)
    mean, std = (torch.tensor(values, dtype=images.dtype).view(3, 1, 1) for values in (fed.mean, fed.std))
    return (images - mean) / std


def features_of(run: Run, images: Tensor, batch: int) -> Tensor:
    """(N, 3, H, W) to (N, D), in full batches."""
    return torch.cat([run(images[rows]) for rows in _rows(len(images), batch)])[: len(images)]


def _rows(count: int, batch: int) -> tuple[Tensor, ...]:
    """Of full batches over N images; the last batch goes on with the first images."""
    return (torch.arange(-(-count // batch) * batch) % count).split(batch)
