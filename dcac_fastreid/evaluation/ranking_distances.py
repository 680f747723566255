"""The distances that an evaluation ranks by. N query and gallery images together, D feature width."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from yacs.config import CfgNode

from dcac_fastreid.distributed.shared_work import ALONE, Processes
from dcac_fastreid.evaluation.distances import MEMORY_LIMIT, FeatureDistances
from dcac_fastreid.evaluation.query_expansion import expand
from dcac_fastreid.evaluation.rerank import RerankedDistances


def distance_settings(test: CfgNode) -> dict[str, Any]:
    """What a config's TEST says of distances (METRIC, AQE, RERANK), as keywords of `ranking_distances` and `scores`."""
    aqe = {"times": test.AQE.QE_TIME, "neighbours": test.AQE.QE_K, "alpha": test.AQE.ALPHA}
    rerank = {"k1": test.RERANK.K1, "k2": test.RERANK.K2, "weight": test.RERANK.LAMBDA}
    return {
        "metric": test.METRIC,
        "expansion": aqe if test.AQE.ENABLED else None,
        "reranking": rerank if test.RERANK.ENABLED else None,
    }


def ranking_distances(
    features: Tensor,
    num_query: int,
    *,
    metric: str,
    device: str | torch.device | None = None,
    expansion: Mapping | None = None,
    reranking: Mapping | None = None,
    memory_limit: int = MEMORY_LIMIT,
    processes: Processes = ALONE,
) -> Iterable[tuple[int, np.ndarray]]:
    """Blocks of queries' distances to the gallery, each with its first query; may be gone through again.

    Args:
        features: (N, D), the queries' first.
        num_query: of N.
        metric, device: see FeatureDistances.
        memory_limit: see FeatureDistances and `expand`.
        expansion: times, neighbours and alpha of `expand`; None: none.
        reranking: k1, k2 and weight of RerankedDistances; None: none.
        processes: those that share all this work. Each has all features, and in the end some of the blocks.
    Raises: InputError: a feature is not finite, or a setting does not fit the number of images.
    """
    if expansion:
        features = expand(features, **expansion, device=device, memory_limit=memory_limit, processes=processes)
    distances = FeatureDistances(features[:num_query], features[num_query:], metric, device, memory_limit, processes)
    return RerankedDistances(distances, **reranking, processes=processes) if reranking else distances
