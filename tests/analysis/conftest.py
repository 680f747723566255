"""Two small trainings to look at, and test sets made by hand."""

from pathlib import Path

import numpy as np
import pytest
import torch

import dcac_fastreid
from dcac_fastreid.analysis.run import Run
from dcac_fastreid.analysis.test_set import TestSet
from dcac_fastreid.evaluation.distances import FeatureDistances
from dcac_fastreid.evaluation.matches import Matches


@pytest.fixture(scope="session")
def trained(configs, tiny_data, tmp_path_factory) -> dict[str, Path]:
    """Checkpoints of DCAC and of the baseline, three steps each on the tiny world, in the folders of their runs."""
    output, checkpoints = tmp_path_factory.mktemp("trained"), {}
    for name, file in (("dcac", "ma_ms.yml"), ("baseline", "baseline/ma_ms.yml")):
        folder = output / name
        folder.mkdir()
        cfg = dcac_fastreid.load_config(
            str(configs / "synthetic" / file),
            [
                "MODEL.DEVICE", "cpu",
                "SOLVER.AMP.ENABLED", False,
                "DATASETS.ROOT", str(tiny_data),
                "DATASETS.TESTS", ("DG_DukeMTMC", "DG_Market1501"),
                "SOLVER.IMS_PER_BATCH", 16,
                "SOLVER.MAX_EPOCH", 1,
                "TEST.EVAL_PERIOD", 0,
                "MODEL.DCAC.TELEMETRY", 2 if name == "dcac" else 0,
                "OUTPUT_DIR", str(folder),
            ],
        )  # fmt: skip
        (folder / "config.yaml").write_text(cfg.dump())
        dcac_fastreid.DCACTrainer(cfg).train()
        checkpoints[name] = folder / "model_final.pth"
    return checkpoints


@pytest.fixture(scope="session")
def dcac_run(trained) -> Run:
    return Run(trained["dcac"])


@pytest.fixture(scope="session")
def baseline_run(trained) -> Run:
    return Run(trained["baseline"])


@pytest.fixture
def make_test_set():
    """A test set of features, people and cameras; its scores and average precisions are zeros."""

    def make(features, people, cameras, num_query, metric="cosine") -> TestSet:
        features, people, cameras = torch.tensor(features, dtype=torch.float32), np.array(people), np.array(cameras)
        return TestSet(
            name="made by hand",
            features=features,
            people=people,
            cameras=cameras,
            paths=[f"{number}.png" for number in range(len(people))],
            num_query=num_query,
            scores={"mAP": 0.0, "Rank-1": 0.0},
            average_precisions=np.zeros(num_query),
            distances=FeatureDistances(features[:num_query], features[num_query:], metric),
            matches=Matches(people[:num_query], people[num_query:], cameras[:num_query], cameras[num_query:]),
            similarity=metric == "cosine",
        )

    return make
