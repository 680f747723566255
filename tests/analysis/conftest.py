"""The two small trainings as runs, and test sets made by hand."""

import numpy as np
import pytest
import torch

from dcac_fastreid.analysis.run import Run
from dcac_fastreid.analysis.test_set import TestSet
from dcac_fastreid.evaluation.distances import FeatureDistances
from dcac_fastreid.evaluation.matches import Matches


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
