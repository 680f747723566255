"""The identities of a run's training set: their images, and some drawn by a seed. B images, N identities; H x W pixels."""

from collections.abc import Sequence

import numpy as np

from dcac_fastreid.analysis.run import Run, TrainingImage
from dcac_fastreid.errors import InputError


def images_by_identity(run: Run) -> list[list[TrainingImage]]:
    """The training images of every identity, by its label; N lists.

    Raises: InputError: the checkpoint has no classifier, or other training data than lies there.
    """
    if not run.num_classes:
        raise InputError(
            f"{run.checkpoint} has no classifier, as an exported encoder; this image needs a checkpoint that a training has "
            "saved, such as model_final.pth"
        )
    groups: list[list[TrainingImage]] = [[] for _ in range(run.num_classes)]
    for image in run.training_images:
        groups[image.label].append(image)
    return groups


def pixels(run: Run, images: Sequence[TrainingImage]) -> np.ndarray:
    """(B, H, W, 3) uint8, as the encoder sees them, without augmentation."""
    return run.batch(images)["images"].permute(0, 2, 3, 1).byte().numpy()


def draw_identities(count: int, number: int, seed: int) -> list[int]:
    """`number` different labels out of `count`, or all where there are fewer; the same ones for the same seed.

    Raises: InputError: none are asked for.
    """
    if number < 1:
        raise InputError(f"images of {number} identities are asked for; expected 1 or more")
    return np.random.default_rng(seed).permutation(count)[:number].tolist()


def draw_images(groups: Sequence[Sequence[TrainingImage]], number: int, seed: int) -> list[TrainingImage]:
    """One image of each of `number` identities, or of all where there are fewer; drawn by the seed."""
    rng = np.random.default_rng(seed)
    return [groups[label][rng.integers(len(groups[label]))] for label in draw_identities(len(groups), number, seed)]
