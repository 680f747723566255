"""What does an encoder lose in fp16 or int8, and what is won? N probe images, D feature width."""

from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from dcac_fastreid.arguments import as_choice
from dcac_fastreid.deploy.encoder import Encoder
from dcac_fastreid.deploy.export.agreement import Agreement, compare
from dcac_fastreid.deploy.export.comparison import Comparison, Disagreement, features_of, fed_with
from dcac_fastreid.deploy.export.latency import Latency, time_in_turns
from dcac_fastreid.deploy.export.onnx_file import onnx_runner
from dcac_fastreid.deploy.export.onnx_precision import as_fp16, as_int8
from dcac_fastreid.deploy.export.probe import Probe, calibration_of, images_of, smooth_images
from dcac_fastreid.deploy.export.scores import mean_ap
from dcac_fastreid.errors import InputError

FP32, FP16, INT8 = "fp32", "fp16", "int8"
# Of an image's two features, fp32 by PyTorch and reduced: the mean and the least cosine that a file is written at.
ASKED = {FP16: (0.9999, 0.999), INT8: (0.99, 0.95)}
MOST_LOST = 1.0  # mAP, in percentage points, where people are known
TIMED_BATCHES = (1, 8, 32)


class Precision(NamedTuple):
    """name: of fp32, fp16 and int8. crops: the folder that int8 is calibrated on. force: write it whatever it loses."""

    name: str = FP32
    crops: str | Path | None = None
    force: bool = False

    def check(self) -> None:
        """Raises: InputError: no such precision, or crops and precision do not go together."""
        as_choice(self.name, "the precision", (FP32, FP16, INT8))
        if (self.name == INT8) != (self.crops is not None):
            raise InputError(
                f"the precision is {self.name}, and the folder of crops is {self.crops}; int8 needs one, and only int8 does"
            )
        if self.force and self.name == FP32:
            raise InputError(
                "--force is of --precision fp16 and --int8; at fp32 a file that disagrees is never written"
            )


class Reduced(NamedTuple):
    """name: fp16 or int8. sizes: bytes before and after. latencies: by batch: those of the fp32 file, of this one.

    mean_cosine: of an image's features by PyTorch and by this file. scores: mAP in per cent before and after, or None.
    """

    name: str
    sizes: tuple[int, int]
    agreement: Agreement
    mean_cosine: float
    latencies: dict[int, tuple[Latency, Latency]]
    scores: tuple[float, float] | None

    @property
    def agrees(self) -> bool:
        mean, least = ASKED[self.name]
        lost = self.scores[0] - self.scores[1] if self.scores else 0.0
        return self.mean_cosine >= mean and self.agreement.least_cosine >= least and lost <= MOST_LOST

    def lines(self) -> list[str]:
        agreement, count = self.agreement, self.agreement.probes
        before, after = (size / 1e6 for size in self.sizes)
        lines = [
            f"  {self.name}: {after:.2f} MB, fp32 {before:.2f} MB; cosine with PyTorch's feature, mean {self.mean_cosine:.5f}, "
            f"least {agreement.least_cosine:.5f}; same first image {agreement.same_first} of {count}",
            "  mAP: "
            + (f"{self.scores[1]:.2f}, fp32 {self.scores[0]:.2f}" if self.scores else "nobody is known on the images"),
        ]
        for batch, (fp32, reduced) in self.latencies.items():
            lines.append(f"  batch {batch}, ms for an image: {reduced}, fp32 {fp32}")
        return lines


def probe_and_calibration(
    encoder: Encoder, probe_folder: str | Path | None, precision: Precision
) -> tuple[Probe, Tensor | None]:
    """The images to compare on, and those that int8 is calibrated on; of one folder for both, every second image is of each.

    Raises: InputError: as images_of.
    """
    if precision.name != INT8:
        return (
            images_of(probe_folder, encoder) if probe_folder is not None else smooth_images(encoder.input_size)
        ), None
    calibration, others = calibration_of(precision.crops, encoder)
    return (images_of(probe_folder, encoder) if probe_folder is not None else others), calibration


def reduced(
    content: bytes, encoder: Encoder, pixels: str, probe: Probe, calibration: Tensor | None, precision: Precision
) -> tuple[bytes, Reduced]:
    """The content in the precision, and what was measured.

    Raises: Disagreement: it loses more than ASKED and MOST_LOST say, and is not forced.
    """
    fed = fed_with(probe.images, pixels, encoder)
    made = as_fp16(content) if precision.name == FP16 else as_int8(content, fed_with(calibration, pixels, encoder))
    runs = [onnx_runner(content), onnx_runner(made)]
    expected = Comparison(encoder, probe, pixels).expected
    before, after = (functional.normalize(features_of(run, fed, max(TIMED_BATCHES))) for run in runs)
    latencies = {}
    for batch in TIMED_BATCHES:
        images = fed[torch.arange(batch) % len(fed)]
        latencies[batch] = tuple(time_in_turns([partial(run, images) for run in runs], batch))
    measured = Reduced(
        precision.name,
        (len(content), len(made)),
        compare(expected, after),
        float((expected * after).sum(1).mean()),
        latencies,
        (mean_ap(before, *probe.people), mean_ap(after, *probe.people)) if probe.people else None,
    )
    if not measured.agrees and not precision.force:
        mean, least = ASKED[precision.name]
        told = "; ".join(line.strip() for line in measured.lines()[:2])
        raise Disagreement(
            f"in {precision.name} the encoder loses too much on {probe.what}: {told}; asked for are cosines of {mean} in the mean "
            f"and {least} at least, and at most {MOST_LOST} points of mAP lost; nothing is written; take another precision or "
            "other crops, or write it all the same by --force"
        )
    return made, measured
