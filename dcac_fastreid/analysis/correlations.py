"""Which identities does a run take for each other? The probabilities that mix the prompts, Eq. 12. N identities."""

from dataclasses import replace

import numpy as np
from PIL import Image
from torch import Tensor

from dcac_fastreid.analysis.classifier import (
    classify,
    condition_probabilities,
    mean_by_identity,
    mixes_prompts,
    most_correlated,
)
from dcac_fastreid.analysis.figures import draw_png
from dcac_fastreid.analysis.identities import draw_identities, images_by_identity, pixels
from dcac_fastreid.analysis.run import Run, TrainingImage
from dcac_fastreid.errors import InputError
from dcac_fastreid.pages.content import Section, Strip, Tile
from dcac_fastreid.pages.sheet import check_number, tile_section

MATRIX = 4.4  # inches


def sections(run: Run, *, number: int = 6, nearest: int = 5, seed: int = 0) -> list[Section]:
    """Some identities beside those that they are taken for most, and the probabilities of all of them.

    Args:
        number: of identities, drawn by the seed. nearest: others shown beside each. Of both, all where there are fewer.
    Raises:
        InputError: a run without classifier, other training data than it had, a number below 1, or more images than a sheet holds.
    """
    if nearest < 1:
        raise InputError(f"{nearest} others beside each identity are asked for; expected 1 or more")
    groups = images_by_identity(run)
    check_number(min(number, len(groups)) * min(nearest + 1, len(groups)))  # before what takes minutes
    images = [image for group in groups for image in group]
    probabilities = condition_probabilities(run, classify(run, images))
    mean = mean_by_identity(probabilities, [image.label for image in images]).cpu()
    return [_nearest(run, groups, mean, number, nearest, seed), _matrix(run, mean)]


def _nearest(
    run: Run, groups: list[list[TrainingImage]], mean: Tensor, number: int, nearest: int, seed: int
) -> Section:
    strips = []
    for label in draw_identities(len(groups), number, seed):
        row = [(label, mean[label, label].item()), *most_correlated(mean, label, nearest)]
        firsts = pixels(run, [groups[each][0] for each, _ in row])
        ranks = ["itself", *(f"other {place}" for place in range(1, len(row)))]
        tiles = [
            Tile(Image.fromarray(image), [rank, f"p = {probability:.4f}"], str(groups[each][0].person))
            for image, rank, (each, probability) in zip(firsts, ranks, row, strict=True)
        ]
        strips.append(Strip([replace(tiles[0], tone="query"), *tiles[1:]]))
    caption = (
        "Training identities, each beside the other identities that its images resemble most. p is the mean over all its "
        f"training images, without augmentation, of {_source(run)} All {len(mean)} add up to 1; were none preferred, each "
        f"would have {1 / len(mean):.4f}."
    )
    return tile_section("correlations-nearest", "Identities that resemble each other", strips, caption)


def _matrix(run: Run, mean: Tensor) -> Section:
    order = _order(mean)
    shown = mean[order][:, order].double().numpy()
    np.fill_diagonal(shown, np.nan)
    lowest, highest = np.nanquantile(shown, 0.05), np.nanmax(shown)

    def draw(figure):
        axes = figure.subplots()
        axes.set_facecolor("lightgray")  # the diagonal
        drawn = axes.imshow(shown, norm="log", vmin=max(lowest, 1e-6), vmax=highest)
        axes.set_xlabel("identity that they are taken for")
        axes.set_ylabel("identity of the images")
        axes.set_xticks([])
        axes.set_yticks([])
        figure.colorbar(drawn, ax=axes, shrink=0.8, label="mean probability, logarithmic")

    own = mean.diagonal()
    caption = (
        f"All {len(mean)} training identities against each other, those that resemble each other side by side: a square along "
        f"the diagonal is a group of look-alikes. The colour is {_source(run)} An identity's own probability (the diagonal, "
        f"grey) is {own.mean():.3f} on average, from {own.min():.3f} to {own.max():.3f}."
    )
    return Section(
        "correlations-matrix", "All identities against each other", draw_png(MATRIX, 0.8 * MATRIX, draw), caption
    )


def _source(run: Run) -> str:
    settings = run.cfg.MODEL.DCAC.CONDITIONER
    if mixes_prompts(run):
        return f"the probabilities of {run.name}'s condition (Eq. 12, of the {settings.PROBS}, temperature {settings.TAU:g})."
    return (
        f"the classifier's probabilities at temperature {settings.TAU:g}, as Eq. 12 would have them; {run.name} makes no "
        "condition of them."
    )


def _order(mean: Tensor) -> list[int]:
    """The identities in the order of a tree that joins those with high probabilities for each other first."""
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    apart = -((mean + mean.T) / 2).double().clamp(min=1e-12).log().numpy()
    return leaves_list(linkage(squareform(apart, checks=False), "average")).tolist()
