"""The images of a kind, or of all, on a page."""

from collections.abc import Mapping, Sequence
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
from dcac_fastreid.analysis.options import KINDS
from dcac_fastreid.analysis.page import Picture, check_folder, write_page
from dcac_fastreid.analysis.run import Run, name_apart
from dcac_fastreid.arguments import SEEDS
from dcac_fastreid.errors import InputError

MAKE = {
    "ranked-lists": ranked_lists.pictures,
    "distances": distances.pictures,
    "grad-cam": grad_cam.pictures,
    "correlations": correlations.pictures,
    "diffusion": diffusion_pictures.pictures,
    "embedding": embedding.pictures,
}  # of each kind


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
    return write_page(output, f"{title}: {kind}", MAKE[kind](run, **more, **options), command), []
