"""Single-gallery-shot CMC, CUHK03's first protocol.

Q queries, G gallery images, P matches of a query, J identities in the gallery.
"""

import numpy as np

from dcac_fastreid.evaluation.matches import Matches


def rank_probabilities(shares, max_rank: int):
    """Probability of each rank from 0 on, where image j comes before with probability shares[:, j], independently.

    Args:
        shares: (P, J), in [0, 1].
    Returns: (P, max_rank); ranks beyond are left out.
    """
    probabilities = np.zeros((len(shares), max_rank))
    probabilities[:, 0] = 1
    for share in shares.T[shares.any(axis=0)]:
        farther = probabilities[:, :-1] * share[:, None]
        probabilities *= 1 - share[:, None]
        probabilities[:, 1:] += farther
    return probabilities


def single_shot_cmc(distmat, matches: Matches, g_pids, max_rank: int):
    """The CMC to expect where the gallery holds one image of each identity, drawn at random.

    The host's eval_cuhk03 draws 10 times for each query, so its CMC changes from call to call; this is the mean that it
    approaches. Each match is sampled with the same probability; an identity's sampled image is nearer with the probability that
    is its share of nearer images; identities are drawn independently. So no seed enters, and no sampling error.

    Args:
        distmat: (Q, G), finite.
        g_pids: (G,).
        max_rank: length of the CMC; beyond the last identity it is 1.
    Returns: (max_rank,) float32, the mean over queries with a match.
    """
    _, identities = np.unique(g_pids, return_inverse=True)
    images = np.bincount(identities)
    all_cmc = []
    for query, distances in enumerate(distmat):
        same_pid, is_junk = matches.of(query)
        if is_junk.all():
            continue
        shares = []
        for match in same_pid[~is_junk]:
            nearer = distances < distances[match]
            nearer[:match] |= distances[:match] == distances[match]
            nearer[same_pid] = False
            shares.append(np.bincount(identities[nearer], minlength=len(images)) / images)
        all_cmc.append(rank_probabilities(np.array(shares), max_rank).mean(axis=0).cumsum())
    return np.mean(all_cmc, axis=0).astype(np.float32)
