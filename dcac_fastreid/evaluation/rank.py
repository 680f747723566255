"""CMC, average precision and inverse negative penalty, from the ranks of the matches alone.

Q queries, G gallery images, D feature width.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain

import numpy as np
import torch

from dcac_fastreid.distributed.shared_work import ALONE, Processes
from dcac_fastreid.errors import InputError
from dcac_fastreid.evaluation.distances import DIVERGED, MEMORY_LIMIT, FeatureDistances
from dcac_fastreid.evaluation.matches import Matches
from dcac_fastreid.evaluation.single_shot import single_shot_cmc


def match_ranks(distances, same_pid, is_junk):
    """Ranks of one query's matches, ascending from 0.

    The rank of a match is the number of gallery images that are nearer, junk left out; among equal distances the gallery's
    order decides, as in a stable sort.

    Args:
        distances: (G,), finite.
        same_pid, is_junk: see Matches.of.
    """
    # Only values are sorted, in one row, which NumPy does in vector instructions and without the interpreter's lock: 0.2 ms
    # for 82,161 images, as much as counting for 30 matches, and no more for 300. The costly thing is a matrix of indices.
    ascending = np.sort(distances)
    ranks = np.searchsorted(ascending, distances[same_pid])
    equal = np.searchsorted(ascending, distances[same_pid], side="right") - ranks
    for index in np.flatnonzero(equal > 1):
        image = same_pid[index]
        ranks[index] += np.count_nonzero(distances[:image] == distances[image])
    nearest_first = ranks.argsort()
    ranks, is_junk = ranks[nearest_first], is_junk[nearest_first]
    return (ranks - np.cumsum(is_junk))[~is_junk]


def ranks_of_rows(matches: Matches, first: int, block, rows):
    """Ranks of the matches of each of some rows of a block whose first query is `first`."""
    ranks = []
    for row in rows:
        if not np.isfinite(block[row]).all():
            raise InputError(
                f"query {first + row} has a distance that is NaN or infinite, because a feature is; {DIVERGED}"
            )
        ranks.append(match_ranks(block[row], *matches.of(first + row)))
    return ranks


def rank_blocks(blocks, matches: Matches, max_rank: int):
    """CMC, average precisions and inverse negative penalties; see evaluate_rank.

    Args:
        blocks: see ranks_of_blocks.
    """
    return measures(ranks_of_blocks(blocks, matches), max_rank)


def ranks_of_blocks(blocks, matches: Matches, processes: Processes = ALONE):
    """Ranks of the matches, one array for each query that has a match, in the queries' order.

    Args:
        blocks: pairs of a first query and the distances of some queries from it on, NumPy (queries, G).
        processes: those that share the blocks.
    Raises: InputError: a distance is not finite, or no query has a match.
    """

    def own_ranks() -> list:
        ranks = []
        threads = torch.get_num_threads()
        with ThreadPoolExecutor(threads) as pool:
            for first, block in blocks:
                rows = np.array_split(range(len(block)), threads)
                ranks += chain.from_iterable(pool.map(partial(ranks_of_rows, matches, first, block), rows))
        return ranks

    ranks = [of_query for of_query in processes.together(own_ranks) if len(of_query)]
    if not ranks:
        raise InputError(
            "no query has a match by another camera in the gallery; check the identities and cameras of the test set "
            "(where the cameras are not known, -1)"
        )
    return ranks


def measures(ranks, max_rank: int):
    """CMC, average precisions and inverse negative penalties; see evaluate_rank.

    Args:
        ranks: of ranks_of_blocks.
    """
    hits = np.bincount([of_query[0] for of_query in ranks], minlength=max_rank)[:max_rank].cumsum()
    all_AP = [np.mean(np.arange(1, len(of_query) + 1) / (of_query + 1)) for of_query in ranks]
    all_INP = [len(of_query) / (of_query[-1] + 1) for of_query in ranks]
    return (hits / len(ranks)).astype(np.float32), np.array(all_AP), np.array(all_INP)


def rank_features(
    query_features,
    gallery_features,
    q_pids,
    g_pids,
    q_camids,
    g_camids,
    *,
    metric="cosine",
    max_rank=50,
    device=None,
    memory_limit=MEMORY_LIMIT,
):
    """As evaluate_rank, with distances made from features in blocks of queries: there is never a full matrix.

    Distances are made on the device, ranks found in as many CPU threads as PyTorch uses.

    Args:
        query_features, gallery_features, metric, device, memory_limit: see FeatureDistances.
        q_pids, g_pids, q_camids, g_camids: see Matches.
        max_rank: length of the CMC; beyond the last gallery image it keeps its last value.
    Returns: CMC, (max_rank,) float32; average precision and inverse negative penalty, one per query with a match.
    Raises:
        ValueError: sizes differ.
        InputError: a distance is not finite, or no query has a match.
    """
    matches = Matches(q_pids, g_pids, q_camids, g_camids)
    if (len(query_features), len(gallery_features)) != matches.shape:
        raise ValueError(
            f"{len(query_features)} query and {len(gallery_features)} gallery features, expected {matches.shape} as labels"
        )
    distances = FeatureDistances(query_features, gallery_features, metric, device, memory_limit)
    return rank_blocks(distances, matches, max_rank)


def evaluate_rank(distmat, q_pids, g_pids, q_camids, g_camids, max_rank=50, use_metric_cuhk03=False, use_cython=True):
    """The host's fastreid.evaluation.rank.evaluate_rank: same arguments, same numbers, in a fraction of a second.

    Queries without a match are left out. Where distances are equal the host's sort leaves the order open; here it is the
    gallery's. Works on one row at a time, so the extra memory is some bytes per gallery image.

    Args:
        distmat: (Q, G).
        q_pids, g_pids, q_camids, g_camids: see Matches.
        max_rank: length of the CMC; beyond the last gallery image it keeps its last value.
        use_metric_cuhk03: single-gallery-shot CMC, see single_shot_cmc, and the mean average precision.
        use_cython: ignored; there for the host's signature.
    Returns: CMC, (max_rank,) float32; average precision and inverse negative penalty, one per query with a match. With
        use_metric_cuhk03, as in the host, CMC and mean average precision.
    Raises:
        ValueError: sizes differ.
        InputError: a distance is not finite, or no query has a match.
    """
    distmat = np.asarray(distmat)
    matches = Matches(q_pids, g_pids, q_camids, g_camids)
    if distmat.shape != matches.shape:
        raise ValueError(f"distmat is {distmat.shape}, expected {matches.shape}: queries x gallery")
    cmc, all_AP, all_INP = rank_blocks([(0, distmat)], matches, max_rank)
    if use_metric_cuhk03:
        return single_shot_cmc(distmat, matches, np.asarray(g_pids), max_rank), np.mean(all_AP)
    return cmc, all_AP, all_INP
