"""What all cases share: a small synthetic data set, two finished trainings on it, photos, and a calibrated index of them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from .case import ROOT, Ground
from .fork import in_a_fork, run_tool

SYNTHETIC = ROOT / "configs" / "DCAC" / "synthetic"
BASELINE, DCAC = str(SYNTHETIC / "baseline" / "ma_d.yml"), str(SYNTHETIC / "ma_d.yml")
MARKET, DUKE = "Market-1501-v15.09.15", "DukeMTMC-reID"
SMALL = (
    "MODEL.DEVICE",
    "cpu",
    "SOLVER.IMS_PER_BATCH",
    "16",
    "SOLVER.MAX_EPOCH",
    "1",
    "SOLVER.AMP.ENABLED",
    "False",
)  # a training of three steps


def training(config: str, output: str, *words: str, root: str = "{data_root}") -> tuple[str, ...]:
    """The words of a small training."""
    options = [word for word in words if word in ("--resume", "--eval-only")]
    settings = [word for word in words if word not in options]
    at = ("DATASETS.ROOT", root, "OUTPUT_DIR", output)
    return ("train_net", "--config-file", config, *options, *SMALL, *at, *settings)


def make_shared(shared: Path) -> Ground:
    """Makes it all below the folder, each part in a fork, so that this process stays as it is after its imports."""
    shared.mkdir(parents=True)
    os.environ["DCAC_FASTREID_CACHE"] = str(shared / "cache")
    os.environ.pop("FASTREID_DATASETS", None)
    ground = Ground(shared, shared / "own")
    in_a_fork(lambda: _draw(ground))
    for config, folder in ((BASELINE, ground.run), (DCAC, ground.dcac)):
        _run(ground, training(config, str(folder)))
    of_index = ("--index", "{index}")
    checkpoint = "{run}/model_final.pth"
    _run(ground, ("search", "index", "--checkpoint", checkpoint, "--gallery", "{photos}/gallery", *of_index))
    known = ("--people", "{photos}/people", "--false-match-rate", "0.15")
    _run(ground, ("search", "calibrate", *of_index, *known))
    return ground


def _run(ground: Ground, words: tuple[str, ...]) -> None:
    from .case import Case

    in_a_fork(lambda: run_tool(Case("", "", words).command(ground)))


def _draw(ground: Ground) -> None:
    from dcac_fastreid.synthetic.data_set import make_data_set
    from dcac_fastreid.synthetic.domains import Counts

    ground.data_root.mkdir()
    counts = Counts(train_ids=8, train_images=6, test_ids=6, queries=1, gallery=4)
    make_data_set(ground.data_root, seed=1, counts=counts, workers=1)
    (ground.photos / "gallery").mkdir(parents=True)
    for photo in sorted((ground.data_root / MARKET / "bounding_box_test").glob("00[01]*.jpg")):
        shutil.copy(photo, ground.photos / "gallery")
    for photo in sorted((ground.data_root / DUKE / "bounding_box_test").glob("*.jpg")):
        person = ground.photos / "people" / photo.name.split("_")[0]
        person.mkdir(parents=True, exist_ok=True)
        shutil.copy(photo, person)
    shutil.copy(min((ground.data_root / MARKET / "query").iterdir()), ground.photos / "query.jpg")
