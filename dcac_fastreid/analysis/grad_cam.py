"""Where does a model look for an identity? Grad-CAM under rows of the classifier, Figure 3; the only import of grad-cam.

B batch, N identities; H x W pixels.
"""

from collections.abc import Sequence
from itertools import chain
from types import ModuleType
from typing import NamedTuple

import numpy as np
from PIL import Image
from torch import Tensor, nn
from tqdm import tqdm

from dcac_fastreid.analysis.classifier import (
    class_logits,
    classify,
    condition_probabilities,
    mean_by_identity,
    most_correlated,
)
from dcac_fastreid.analysis.feature_maps import last_feature_map
from dcac_fastreid.analysis.identities import draw_identities, images_by_identity, pixels
from dcac_fastreid.analysis.run import Run, TrainingImage
from dcac_fastreid.errors import InputError
from dcac_fastreid.pages.content import Section, Strip, Tile
from dcac_fastreid.pages.sheet import tile_section


class Pair(NamedTuple):
    """An image of identity A and one of B, the other identity for which A's images are taken most."""

    image: TrainingImage
    other: TrainingImage
    probability: float


def sections(run: Run, *, others: Sequence[Run] = (), number: int = 4, seed: int = 0) -> list[Section]:
    """Training images with their activation under their own and under another identity's row of the classifier, run by run.

    Args:
        others: runs to show beside it, on the same images under the same identities.
        number: of images; their identities are drawn by the seed. The other identity of each is the one that the first run's
            probabilities (Eq. 12) name first, on average over the identity's images.
    Raises:
        InputError: a run without classifier, runs of other training identities, or a model without a feature map.
        ImportError: the library grad-cam is missing.
    """
    runs = [run, *others]
    for other in others:
        _check_same_identities(run, other)
    pairs = _pairs(run, number, seed)
    progress = tqdm(runs, desc="Grad-CAM", unit="run", disable=None, leave=False)
    strips = _strips(run, pairs, [_maps(each, pairs) for each in progress])
    caption = (
        "Grad-CAM of an image of identity A: what speaks for A in it, by A's row of the classifier, and what speaks for "
        "another identity B, by B's row, as in the paper's Figure 3. A model that generalises looks at the same parts of the "
        "person both times. Red is most, dark blue nothing or what speaks against it. Every map is scaled to its own highest "
        f"value, so strengths do not compare between maps. B is the identity for which {run.name} takes A's images most; p "
        "is that probability (Eq. 12), the mean over all training images of A."
    )
    return [tile_section("grad-cam", "Where the model looks: Grad-CAM under another identity", strips, caption)]


class Scores(nn.Module):
    """Images (B, 3, H, W) in [0, 255] to the logits (B, N) of the classifier, in evaluation mode.

    Args:
        model: of fast-reid's kind, with an EmbeddingHead.
    """

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model.eval()

    def forward(self, images: Tensor) -> Tensor:
        return class_logits(self.model.heads, self.model({"images": images}))


def activation_maps(scores: nn.Module, images: Tensor, labels: Sequence[int]) -> np.ndarray:
    """Grad-CAM maps (B, H, W) in [0, 1] of images, each under its label's score and scaled to its own highest value.

    Args:
        scores: images (B, 3, H, W) to (B, N).
    Raises: InputError: no layer of the model tells places of the image apart.
    """
    library = _grad_cam()
    layer, as_map = last_feature_map(scores, images[:1])
    targets = [library.utils.model_targets.ClassifierOutputTarget(label) for label in labels]
    with library.GradCAM(scores, [layer], reshape_transform=as_map) as cam:
        return cam(images, targets)


def _pairs(run: Run, number: int, seed: int) -> list[Pair]:
    groups = images_by_identity(run)
    pairs = []
    for label in draw_identities(len(groups), number, seed):
        probabilities = condition_probabilities(run, classify(run, groups[label]))
        mean = mean_by_identity(probabilities, [label] * len(groups[label]))
        ((other, probability),) = most_correlated(mean, label, 1)
        pairs.append(Pair(groups[label][0], groups[other][0], probability))
    return pairs


def _check_same_identities(run: Run, other: Run) -> None:
    ours, theirs = ([group[0].person for group in images_by_identity(each)] for each in (run, other))
    if ours != theirs:
        raise InputError(
            f"{other.checkpoint} has been trained on other identities ({_counted(other, theirs)}) than {run.checkpoint} "
            f"({_counted(run, ours)}); Grad-CAM side by side needs runs of the same training set"
        )


def _counted(run: Run, people: Sequence) -> str:
    return f"{len(people)} of {'+'.join(run.cfg.DATASETS.NAMES)}"


def _maps(run: Run, pairs: Sequence[Pair]) -> list[list[Tile]]:
    """For each pair, the image of A with the run's map under A over it, and with that under B."""
    images = [pair.image for pair in pairs]
    batch = run.batch(images)["images"]
    scores, overlay = Scores(run.model), _grad_cam().utils.image.show_cam_on_image
    tiles: list[list[Tile]] = [[] for _ in pairs]
    for letter, labels in (("A", [pair.image.label for pair in pairs]), ("B", [pair.other.label for pair in pairs])):
        maps = activation_maps(scores, batch, labels)
        for of_pair, pixel, weight in zip(tiles, pixels(run, images) / np.float32(255), maps, strict=True):
            overlaid = Image.fromarray(overlay(pixel, weight, use_rgb=True))
            of_pair.append(Tile(overlaid, [f"under {letter}", run.name]))
    return tiles


def _strips(run: Run, pairs: Sequence[Pair], maps: Sequence[Sequence[Sequence[Tile]]]) -> list[Strip]:
    """For each pair, the image of A, the maps of all runs, the image of B; maps by run, pair and place."""
    firsts, lasts = pixels(run, [pair.image for pair in pairs]), pixels(run, [pair.other for pair in pairs])
    return [
        Strip(
            [
                Tile(Image.fromarray(first), ["image of A"], str(pair.image.person), "query"),
                *chain.from_iterable(of_pair),
                Tile(Image.fromarray(last), ["image of B", f"p = {pair.probability:.3f}"], str(pair.other.person)),
            ]
        )
        for pair, first, last, *of_pair in zip(pairs, firsts, lasts, *maps, strict=True)
    ]


def _grad_cam() -> ModuleType:
    try:
        import pytorch_grad_cam
        import pytorch_grad_cam.utils.image
        import pytorch_grad_cam.utils.model_targets
    except ImportError as error:
        raise ImportError(
            f"Grad-CAM needs pytorch_grad_cam, which cannot be imported ({error}); install it with: pip install grad-cam"
        ) from error
    return pytorch_grad_cam
