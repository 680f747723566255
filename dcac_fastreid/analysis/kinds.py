"""Which kinds of pictures are there, and how is each asked for?"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dcac_fastreid.analysis import (
    correlations,
    curves,
    diffusion_pictures,
    distances,
    embedding,
    grad_cam,
    ranked_lists,
)
from dcac_fastreid.analysis.page import Picture, check_folder, write_page
from dcac_fastreid.analysis.run import Run, name_apart
from dcac_fastreid.arguments import SEEDS
from dcac_fastreid.errors import InputError


@dataclass(frozen=True)
class Kind:
    """A kind of pictures of a run.

    Attributes:
        what: it shows, in a line.
        make: `pictures` of its module, called with a Run and options by keyword.
        options: keyword -> what it means. Types and defaults are those of `make`.
    """

    what: str
    make: Callable[..., list[Picture]]
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def defaults(self) -> dict[str, Any]:
        parameters = inspect.signature(self.make).parameters
        return {name: parameters[name].default for name in self.options}

    @property
    def several(self) -> bool:
        """Whether it can show other runs beside the first."""
        return "others" in inspect.signature(self.make).parameters


SEED = "seed of the choice"
KINDS = {
    "ranked-lists": Kind(
        "queries and their nearest gallery images, right or wrong, sorted by average precision",
        ranked_lists.pictures,
        {
            "order": f"which come first: {' or '.join(ranked_lists.ORDERS)}",
            "queries": "number",
            "k": "gallery images of each",
        },
    ),
    "distances": Kind("ROC, and how far genuine and impostor pairs are apart", distances.pictures),
    "grad-cam": Kind(
        "what in an image speaks for its own identity, and for another one, as in the paper's Figure 3",
        grad_cam.pictures,
        {"number": "images", "seed": SEED},
    ),
    "correlations": Kind(
        "which identities an identity is taken for, by the condition's probabilities",
        correlations.pictures,
        {"number": "identities, at most all", "nearest": "others beside each, at most all", "seed": SEED},
    ),
    "diffusion": Kind(
        "what the diffusion model makes of an identity's condition",
        diffusion_pictures.pictures,
        {
            "number": "identities",
            "steps": "of the sampling",
            "guidance": "strength of the condition in the sampling",
            "timesteps": "at which pictures are noised",
            "averaged": "images of the mean noise errors",
            "seed": SEED,
        },
    ),
    "embedding": Kind(
        "test images of several domains in the plane (t-SNE), by identity, camera and domain",
        embedding.pictures,
        {
            "datasets": "names by comma (default: the run's test set, and those of the paper's four that are there)",
            "images": "of all domains together, about",
            "seed": "seed of the choice and of the map",
        },
    ),
}


def all_pictures(run: Run, *, others: Sequence[Run] = ()) -> tuple[list[Picture], list[str]]:
    """Every kind with its defaults, the training curves too, and a sentence about each that this run cannot have.

    Args:
        others: runs to show beside it, where a kind can.
    """
    runs, absent = [run, *others], []
    recorded = [each.checkpoint for each in runs if (each.checkpoint.parent / curves.FILE).is_file()]
    made = curves.pictures(recorded) if recorded else []
    if not recorded:
        absent.append(f"no training curves: there is no {curves.FILE} beside {run.checkpoint}")
    made += ranked_lists.pictures(run, order="worst", queries=6) + ranked_lists.pictures(run, order="best", queries=2)
    made += distances.pictures(run, others=others)
    if all(each.num_classes for each in runs):
        try:
            made += grad_cam.pictures(run, others=others)
        except ImportError as error:  # an extra, which is not installed everywhere
            absent.append(f"no Grad-CAM: {error}")
        made += correlations.pictures(run)
    else:
        absent.append("no Grad-CAM and no identity correlations: a checkpoint has no classifier")
    if run.has_diffusion_side:
        made += diffusion_pictures.pictures(run)
    else:
        absent.append(f"no pictures of the diffusion model: {run.checkpoint} has none")
    return made + embedding.pictures(run), absent


def write_pictures(
    kind: str,
    checkpoints: Sequence[str | Path],
    output: str | Path,
    command: str,
    *,
    config_file: str = "",
    dataset: str = "",
    opts: Sequence = (),
    options: Mapping[str, Any] | None = None,
) -> tuple[Path, list[str]]:
    """Writes a page of pictures; returns its path, and sentences about what is left out.

    Args:
        kind: of KINDS, "curves" or "all".
        checkpoints: of the run, and of others to show beside it; each has its config.yaml beside it. Of "curves" the folders
            of the runs.
        output, command: see write_page.
        config_file: of the first run, where it is not beside its checkpoint.
        dataset: the test set; "": the config's first.
        opts: KEY VALUE pairs for all runs.
        options: of the kind.
    Raises: InputError: as Run, the kind's `pictures` and write_page do, more checkpoints than the kind shows, or no seed.
    """
    check_folder(output)
    options = options or {}
    if not 0 <= options.get("seed", 0) < SEEDS:
        raise InputError(f"seed {options['seed']} is asked for; expected 0 to {SEEDS - 1}")
    if kind == "curves":
        return write_page(output, "Training curves", curves.pictures(checkpoints), command), []
    if kind != "all" and len(checkpoints) > 1 and not KINDS[kind].several:
        raise InputError(f"{kind} shows one run, got {len(checkpoints)} checkpoints; make a page for each")
    files = [config_file] + [""] * (len(checkpoints) - 1)
    run, *others = runs = [Run(*each, opts, dataset) for each in zip(checkpoints, files, strict=True)]
    name_apart(runs)
    title = " on ".join((run.name, *run.cfg.DATASETS.TESTS))
    if kind == "all":
        pictures, absent = all_pictures(run, others=others)
        return write_page(output, title, pictures, command), absent
    more = {"others": others} if KINDS[kind].several else {}
    return write_page(output, f"{title}: {kind}", KINDS[kind].make(run, **more, **options), command), []
