"""CMC, average precision and inverse negative penalty of a distance matrix, by counting instead of sorting.

Q queries, G gallery images.
"""

import numpy as np

from dcac_fastreid.errors import InputError
from fastreid.evaluation.rank import eval_cuhk03


def match_ranks(distances, matches, junk):
    """Ranks of the true matches of one query, ascending from 0.

    The rank of a match is the number of gallery images that are nearer; among equal distances the gallery's order
    decides, as in a stable sort.

    Args:
        distances: (G,), finite.
        matches: gallery indices of the true matches, ascending.
        junk: gallery indices that are not ranked, ascending.
    """
    distances = np.delete(distances, junk)
    matches = matches - np.searchsorted(junk, matches)
    return np.sort(
        [
            np.count_nonzero(distances[:match] <= distances[match])
            + np.count_nonzero(distances[match + 1 :] < distances[match])
            for match in matches
        ]
    )


def evaluate_rank(distmat, q_pids, g_pids, q_camids, g_camids, max_rank=50, use_metric_cuhk03=False, use_cython=True):
    """The host's fastreid.evaluation.rank.evaluate_rank: same arguments, same numbers, in seconds.

    Gallery images with the query's identity and camera are junk. Queries without a match are left out. Where distances
    are equal the host's sort leaves the order open; here it is the gallery's. Works on one row at a time, so the extra
    memory is some bytes per gallery image.

    Args:
        distmat: (Q, G).
        q_pids, g_pids, q_camids, g_camids: (Q,) and (G,), identities and cameras.
        max_rank: length of the CMC; beyond the last gallery image it keeps its last value.
        use_metric_cuhk03: hands over to the host's eval_cuhk03, which draws gallery images at random (NumPy's global
            generator) and returns its two values.
        use_cython: ignored; there for the host's signature.
    Returns: CMC, (max_rank,) float32; average precision and inverse negative penalty, one per query with a match.
    Raises:
        ValueError: sizes differ.
        InputError: a distance is not finite, or no query has a match.
    """
    q_pids, g_pids, q_camids, g_camids = map(np.asarray, (q_pids, g_pids, q_camids, g_camids))
    if use_metric_cuhk03:
        return eval_cuhk03(distmat, q_pids, g_pids, q_camids, g_camids, max_rank)
    if distmat.shape != (len(q_pids), len(g_pids)):
        raise ValueError(f"distmat is {distmat.shape}, expected {(len(q_pids), len(g_pids))}: queries x gallery")

    first_matches, all_AP, all_INP = [], [], []
    for query, (distances, pid, camid) in enumerate(zip(distmat, q_pids, q_camids, strict=True)):
        if not np.isfinite(distances).all():
            raise InputError(
                f"query {query} has a distance that is NaN or infinite, because a feature is; has the training diverged? "
                "Evaluate an earlier checkpoint, or train with a smaller SOLVER.BASE_LR"
            )
        same_pid = np.flatnonzero(g_pids == pid)
        is_junk = g_camids[same_pid] == camid
        if is_junk.all():
            continue
        ranks = match_ranks(distances, same_pid[~is_junk], same_pid[is_junk])
        first_matches.append(ranks[0])
        all_AP.append(np.mean(np.arange(1, len(ranks) + 1) / (ranks + 1)))
        all_INP.append(len(ranks) / (ranks[-1] + 1))
    if not first_matches:
        raise InputError(
            "no query has a match by another camera in the gallery; check the identities and cameras of the test set"
        )

    hits = np.bincount(first_matches, minlength=max_rank)[:max_rank].cumsum()
    return (hits / len(first_matches)).astype(np.float32), np.array(all_AP), np.array(all_INP)
