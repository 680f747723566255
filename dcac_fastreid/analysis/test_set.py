"""The query and gallery images of a data set, as the evaluation of a model sees, ranks and scores them.

M query and gallery images together, D feature width.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from dcac_fastreid import data
from dcac_fastreid.data.readers.person_folders import cameras_known, person_names
from dcac_fastreid.data.readers.read_dataset import read_dataset
from dcac_fastreid.engine import DCACTrainer
from dcac_fastreid.evaluation.matches import Matches
from dcac_fastreid.evaluation.ranking_distances import distance_settings, ranking_distances


@dataclass(frozen=True)
class TestSet:
    """A data set as a run tests it, the queries first.

    Attributes:
        features: (M, D) fp32, on the CPU; after the BNNeck, not normalised.
        people, cameras: (M,) whole numbers; cameras count from 0, -1 is unknown.
        paths: M of them.
        num_query: of M.
        scores: those of the evaluation, by fast-reid's names, in per cent.
        average_precisions: (num_query,) in per cent; NaN of a query without a match, which the scores leave out.
        distances: blocks of queries' distances to the gallery, as the evaluation ranks by them (TEST.METRIC, AQE, RERANK).
        matches: of `distances`: which gallery images are a query's matches, which are junk.
        similarity: whether 1 - distance is the cosine of two features.
        person_names: what images call a person, where that is not the number: of one's own photos, the folder's name.
    """

    __test__ = False  # no test class of pytest

    name: str
    features: Tensor
    people: np.ndarray
    cameras: np.ndarray
    paths: Sequence[str]
    num_query: int
    scores: Mapping[str, float]
    average_precisions: np.ndarray
    distances: Iterable[tuple[int, np.ndarray]]
    matches: Matches
    similarity: bool
    person_names: Mapping[int, str] = field(default_factory=dict)

    @property
    def has_cameras(self) -> bool:
        """Where not, every image of the query's person is a match."""
        return bool((self.cameras >= 0).all())


def tested(cfg, model: nn.Module) -> TestSet:
    """The first of DATASETS.TESTS, as dcac-fastreid test tests a model on it."""
    recorded = []

    class Recording(DCACTrainer):
        @classmethod
        def build_evaluator(cls, cfg, dataset_name, output_dir=None):
            recorded.append(super().build_evaluator(cfg, dataset_name, output_dir))
            return recorded[0]

    scores = Recording.test(cfg, model)
    loader, evaluator = recorded[0]
    predictions = evaluator._predictions  # the host has no public list of them
    features, people, cameras = (torch.cat([each[key] for each in predictions]) for key in ("feats", "pids", "camids"))
    num_query = evaluator._num_query
    matches = Matches(people[:num_query], people[num_query:], cameras[:num_query], cameras[num_query:])
    precisions = np.full(num_query, np.nan)
    precisions[[query for query in range(num_query) if not matches.of(query)[1].all()]] = evaluator.of_queries["AP"]
    name = cfg.DATASETS.TESTS[0]
    dataset = read_dataset(name, data.data_root(cfg.DATASETS.ROOT))
    return TestSet(
        name=name,
        features=features,
        people=people.numpy(),
        cameras=cameras.numpy() if cameras_known(dataset, "query") else np.full(len(cameras), -1),
        paths=[item[0] for item in loader.dataset.img_items],
        num_query=num_query,
        scores=scores,
        average_precisions=precisions,
        distances=ranking_distances(features, num_query, device=cfg.MODEL.DEVICE, **distance_settings(cfg.TEST)),
        matches=matches,
        similarity=cfg.TEST.METRIC == "cosine" and not (cfg.TEST.RERANK.ENABLED or cfg.TEST.AQE.ENABLED),
        person_names=person_names(dataset),
    )
