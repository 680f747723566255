"""The images of a kind, or of all, on a page."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dcac_fastreid import data
from dcac_fastreid.analysis import (
    correlations,
    curves,
    diffusion_images,
    distances,
    embedding,
    grad_cam,
    ranked_lists,
)
from dcac_fastreid.analysis.options import KINDS
from dcac_fastreid.analysis.run import Run, give_distinct_names
from dcac_fastreid.arguments import SEEDS
from dcac_fastreid.data.readers.dg_datasets import in_synthetic_data
from dcac_fastreid.errors import InputError
from dcac_fastreid.pages.content import Grid, Section
from dcac_fastreid.pages.image_page import check_folder, write_page

MAKE = {
    "ranked-lists": ranked_lists.sections,
    "distances": distances.sections,
    "grad-cam": grad_cam.sections,
    "correlations": correlations.sections,
    "diffusion": diffusion_images.sections,
    "embedding": embedding.sections,
}  # of each kind
TESTED = ("all", "ranked-lists", "distances")  # kinds that test the runs anyway
METRICS = ("mAP", "Rank-1", "Rank-5", "Rank-10", "mINP")


def all_sections(run: Run, *, others: Sequence[Run] = ()) -> tuple[list[Section], list[str]]:
    """Every kind with its defaults, the training curves too, and a sentence about each that this run cannot have.

    Args:
        others: runs to show beside it, where a kind can.
    """
    runs, absent = [run, *others], []
    made = ranked_lists.sections(run, order="best", queries=3) + ranked_lists.sections(run, order="worst", queries=6)
    made += distances.sections(run, others=others)
    if all(each.num_classes for each in runs):
        try:
            made += grad_cam.sections(run, others=others)
        except ImportError as error:  # an extra, which is not installed everywhere
            absent.append(f"no Grad-CAM: {error}")
        made += correlations.sections(run)
    else:
        absent.append("no Grad-CAM and no identity correlations: a checkpoint has no classifier")
    if run.has_diffusion_side:
        made += diffusion_images.sections(run)
    else:
        absent.append(f"no images of the diffusion model: {run.checkpoint} has none")
    made += embedding.sections(run)
    recorded = [each.checkpoint for each in runs if (each.checkpoint.parent / curves.FILE).is_file()]
    if not recorded:
        absent.append(f"no training curves: there is no {curves.FILE} beside {run.checkpoint}")
    return made + (curves.sections(recorded) if recorded else []), absent


def write_images(
    kind: str,
    checkpoints: Sequence[str | Path],
    output: str | Path,
    command: str,
    *,
    config_file: str = "",
    dataset: str = "",
    opts: Sequence = (),
    options: Mapping[str, Any] | None = None,
    title: str = "",
    results: Sequence[Grid] = (),
) -> tuple[Path, list[str]]:
    """Writes a page of images; returns its path, and sentences about what is left out.

    Args:
        kind: of KINDS, "curves" or "all".
        checkpoints: of the run, and of others to show beside it; each has its config.yaml beside it. Of "curves" the folders
            of the runs.
        output, command: see write_page.
        config_file: of the first run, where it is not beside its checkpoint.
        dataset: the test set; "": the config's first.
        opts: KEY VALUE pairs for all runs.
        options: of the kind.
        title: of the page; "": the run and its test set; of "curves" the runs and what they were trained on.
        results: tables before all images; (): the scores of the runs, where the kind tests them.
    Raises: InputError: as Run, the kind's `sections` and write_page do, more checkpoints than the kind shows, or no seed.
    """
    check_folder(output)
    options = options or {}
    if not 0 <= options.get("seed", 0) < SEEDS:
        raise InputError(f"seed {options['seed']} is asked for; expected 0 to {SEEDS - 1}")
    if kind == "curves":
        made, (own, synthetic) = curves.sections(checkpoints), curves.title(checkpoints)
        return write_page(output, title or own, made, command, synthetic=synthetic), []
    if kind != "all" and len(checkpoints) > 1 and not KINDS[kind].several:
        raise InputError(f"{kind} shows one run, got {len(checkpoints)} checkpoints; make a page for each")
    files = [config_file] + [""] * (len(checkpoints) - 1)
    run, *others = runs = [Run(*each, opts, dataset) for each in zip(checkpoints, files, strict=True)]
    give_distinct_names(runs)
    title = title or " on ".join((run.name, *run.cfg.DATASETS.TESTS)) + ("" if kind == "all" else f": {kind}")
    if kind == "all":
        made, absent = all_sections(run, others=others)
    else:
        made, absent = MAKE[kind](run, **({"others": others} if KINDS[kind].several else {}), **options), []
    results = results or ([_scores(runs)] if kind in TESTED else [])
    synthetic = in_synthetic_data(data.data_root(run.cfg.DATASETS.ROOT))
    return write_page(output, title, made, command, results=results, synthetic=synthetic), absent


def _scores(runs: Sequence[Run]) -> Grid:
    """Of all runs, on the first one's test set."""
    test_sets = [run.test_set(runs[0].test_set().name) for run in runs]
    rows = [
        [run.name, *(f"{test_set.scores[metric]:.1f}" for metric in METRICS)]
        for run, test_set in zip(runs, test_sets, strict=True)
    ]
    return Grid(["run", *METRICS], rows, title=f"Results on {test_sets[0].name}, in per cent")
