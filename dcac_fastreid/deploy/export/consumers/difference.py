"""What does a consumer make of an encoder: how much lies in its resize, and how much in the rest? n photos, D feature width."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from dcac_fastreid.deploy.encoder import Encoder
from dcac_fastreid.deploy.export.comparison import fed_with
from dcac_fastreid.deploy.export.consumers.consumer import Consumer
from dcac_fastreid.deploy.export.consumers.their_resize import resized_as_theirs
from dcac_fastreid.deploy.export.scores import mean_ap, mean_of_others

BATCH = 64


class Difference(NamedTuple):
    """Of photos, prepared as the encoder was tested, and as the consumer does it.

    resize, rest: cosines (n,) of each photo's two features: by PyTorch, of the two preparations; and of the consumer's own
    preparation by PyTorch and by the exported file. strangers: mean cosine of two different photos, ours and theirs: 1 would mean
    that the consumer sees no difference between people. scores: mAP in per cent, ours and theirs; None where nobody is known.
    """

    resize: np.ndarray
    rest: np.ndarray
    strangers: tuple[float, float]
    scores: tuple[float, float] | None

    def lines(self, title: str) -> list[str]:
        ours, theirs = self.strangers
        lines = [
            f"as {title} prepares {len(self.resize)} photos, emulated; cosine with the features by our preparation, mean (least):",
            f"  resize (bilinear, not antialiased): {self.resize.mean():.4f} ({self.resize.min():.4f})",
            f"  rest (pixels, graph, runtime): {self.rest.mean():.6f} ({self.rest.min():.6f})",
            f"  two different photos, mean cosine: {theirs:.3f}, by our preparation {ours:.3f}",
        ]
        if self.scores:
            ours, theirs = self.scores
            lines.append(f"  mAP: {theirs:.1f}, by our preparation {ours:.1f} ({theirs - ours:+.2f})")
        return lines


@torch.no_grad()
def measured_difference(
    encoder: Encoder,
    consumer: Consumer,
    run: Callable[[Tensor], Tensor],
    photos: Sequence[Image.Image],
    people: tuple[np.ndarray, np.ndarray] | None,
) -> Difference:
    """Args: run: the exported file, (B, 3, H, W) to (B, D). photos: RGB. people: identities and cameras of the photos."""
    ours, by_pytorch, by_file = [], [], []
    for begin in range(0, len(photos), BATCH):
        batch = photos[begin : begin + BATCH]
        resized = resized_as_theirs(batch, encoder.input_size, consumer.rounds)
        ours.append(encoder.model({"images": torch.stack([encoder.transform(photo) for photo in batch])}))
        by_pytorch.append(encoder.model({"images": resized}))
        by_file.append(run(fed_with(resized, consumer.pixels, encoder)))
    ours, by_pytorch, by_file = (functional.normalize(torch.cat(features)) for features in (ours, by_pytorch, by_file))
    scores = None if people is None else (mean_ap(ours, *people), mean_ap(by_file, *people))
    return Difference(
        (ours * by_pytorch).sum(1).numpy(),
        (by_pytorch * by_file).sum(1).numpy(),
        (mean_of_others(ours), mean_of_others(by_file)),
        scores,
    )
