"""Which kinds of images of a run are there, and what may be asked of each? The options of `visualize`, without what draws them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SEED = "seed of the choice"


@dataclass(frozen=True)
class Option:
    """default: also says the type. what: it means."""

    default: Any
    what: str


@dataclass(frozen=True)
class Kind:
    """A kind of images of a run.

    Attributes:
        what: it shows, in a line.
        options: keyword -> option, of `sections` of the kind's module.
        several: whether it can show other runs beside the first.
    """

    what: str
    options: Mapping[str, Option] = field(default_factory=dict)
    several: bool = False


ORDERS = ("worst", "best")
KINDS = {
    "ranked-lists": Kind(
        "queries and their nearest gallery images, right or wrong, sorted by average precision",
        {
            "order": Option("worst", f"which come first: {' or '.join(ORDERS)}"),
            "queries": Option(8, "number"),
            "k": Option(10, "gallery images of each"),
        },
    ),
    "distances": Kind("ROC, and how far genuine and impostor pairs are apart", several=True),
    "grad-cam": Kind(
        "what in an image speaks for its own identity, and for another one, as in the paper's Figure 3",
        {"number": Option(4, "images"), "seed": Option(0, SEED)},
        several=True,
    ),
    "correlations": Kind(
        "which identities an identity is taken for, by the condition's probabilities",
        {
            "number": Option(6, "identities, at most all"),
            "nearest": Option(5, "others beside each, at most all"),
            "seed": Option(0, SEED),
        },
    ),
    "diffusion": Kind(
        "what the diffusion model makes of an identity's condition",
        {
            "number": Option(3, "identities"),
            "steps": Option(40, "of the sampling"),
            "guidance": Option(1.0, "strength of the condition in the sampling"),
            "timesteps": Option((250, 500, 750), "at which images are noised"),
            "averaged": Option(64, "images of the mean noise errors"),
            "seed": Option(0, SEED),
        },
    ),
    "embedding": Kind(
        "test images of several domains in the plane (t-SNE), by identity, camera and domain",
        {
            "datasets": Option(
                (), "names by comma (default: the run's test set, and those of the paper's four that are there)"
            ),
            "images": Option(1500, "of all domains together, about"),
            "seed": Option(0, "seed of the choice and of the map"),
        },
    ),
}
