"""Which kinds of images of a run are there, and what may be asked of each? The options of `visualize`, without what draws them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SEED = "seed of the random choice"


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
            "order": Option("worst", f"which queries come first: {' or '.join(ORDERS)}"),
            "queries": Option(8, "number of queries"),
            "k": Option(10, "number of gallery images for each query"),
        },
    ),
    "distances": Kind("ROC, and how far apart pairs of one person and pairs of two people are", several=True),
    "grad-cam": Kind(
        "what in an image speaks for its own identity, and for another one, as in the paper's Figure 3",
        {"number": Option(4, "number of images"), "seed": Option(0, SEED)},
        several=True,
    ),
    "correlations": Kind(
        "which identities an identity is taken for, by the condition's probabilities",
        {
            "number": Option(6, "number of identities, at most all"),
            "nearest": Option(5, "number of other identities beside each, at most all"),
            "seed": Option(0, SEED),
        },
    ),
    "diffusion": Kind(
        "what the diffusion model makes of an identity's condition",
        {
            "number": Option(3, "number of identities"),
            "steps": Option(40, "number of sampling steps"),
            "guidance": Option(1.0, "strength of the condition in the sampling"),
            "timesteps": Option((250, 500, 750), "timesteps at which images are noised"),
            "averaged": Option(64, "number of images over which noise errors are averaged"),
            "seed": Option(0, SEED),
        },
    ),
    "embedding": Kind(
        "test images of several domains in the plane (t-SNE), by identity, camera and domain",
        {
            "datasets": Option(
                (),
                "names of test sets, separated by commas (default: the run's, and those of the paper's four that are there)",
            ),
            "images": Option(1500, "number of images of all domains together, about"),
            "seed": Option(0, "seed of the random choice and of the map"),
        },
    ),
}
