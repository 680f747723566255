"""What an evaluation reports, from the features of all test images. N query and gallery images together, D feature width."""

from collections import OrderedDict
from collections.abc import Mapping, MutableMapping

import numpy as np
import torch
from torch import Tensor

from dcac_fastreid.distributed.shared_work import ALONE, Processes
from dcac_fastreid.evaluation.distances import MEMORY_LIMIT
from dcac_fastreid.evaluation.matches import Matches
from dcac_fastreid.evaluation.rank import measures, ranks_of_blocks
from dcac_fastreid.evaluation.ranking_distances import ranking_distances
from dcac_fastreid.evaluation.roc import rejection_rates

RATES = (1e-4, 1e-3, 1e-2)  # of false positives, TEST.ROC


def scores(
    features: Tensor,
    pids: Tensor,
    camids: Tensor,
    num_query: int,
    *,
    metric: str,
    device: str | torch.device | None = None,
    expansion: Mapping | None = None,
    reranking: Mapping | None = None,
    roc: bool = False,
    of_queries: MutableMapping[str, np.ndarray] | None = None,
    memory_limit: int = MEMORY_LIMIT,
    processes: Processes = ALONE,
) -> OrderedDict[str, float]:
    """The host's results under the host's names: Rank-1, 5 and 10, mAP, mINP and their `metric` in per cent, TPR@FPR.

    Args:
        features: (N, D), the queries' first. pids, camids: (N,).
        num_query: of N.
        metric, device, expansion, reranking, memory_limit: see ranking_distances.
        roc: whether TPR@FPR is reported.
        of_queries: takes AP and Rank-1 in per cent and the person, under these names and "person", of every query that has a
            match, in their order.
        processes: those that share the work; all get the same features, and have the same results.
    Raises: InputError: a feature is not finite, no query has a match, or a setting does not fit the number of images.
    """
    distances = ranking_distances(
        features,
        num_query,
        metric=metric,
        device=device,
        expansion=expansion,
        reranking=reranking,
        memory_limit=memory_limit,
        processes=processes,
    )
    matches = Matches(pids[:num_query], pids[num_query:], camids[:num_query], camids[num_query:])
    ranks = ranks_of_blocks(distances, matches, processes)
    cmc, all_AP, all_INP = measures(ranks, max_rank=10)
    if of_queries is not None:
        of_queries["AP"] = all_AP * 100
        of_queries["Rank-1"] = np.array([nearest[0] == 0 for nearest in ranks]) * 100.0
        matched = [query for query in range(num_query) if not matches.of(query)[1].all()]
        of_queries["person"] = np.asarray(pids)[matched]

    results = OrderedDict((f"Rank-{k}", cmc[k - 1] * 100) for k in (1, 5, 10))
    results["mAP"], results["mINP"] = np.mean(all_AP) * 100, np.mean(all_INP) * 100
    results["metric"] = (np.mean(all_AP) + cmc[0]) / 2 * 100
    if roc:
        rejected = rejection_rates(distances, matches, RATES, processes)
        results.update((f"TPR@FPR={rate:.0e}", of_rate) for rate, of_rate in zip(RATES, rejected, strict=True))
    return results
