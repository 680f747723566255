"""TPR@FPR (TEST.ROC) without a curve.

Q queries, G gallery images.
"""

import numpy as np

from dcac_fastreid.distributed.shared_work import ALONE, Processes
from dcac_fastreid.evaluation.matches import Matches


def rejection_rates(distances, matches: Matches, rates, processes: Processes = ALONE) -> list[float]:
    """Shares of the non-matches that are rejected where given shares of the matches are: the host's TPR at given FPR.

    (The host calls non-matches positive. Left so.) A pair is rejected whose distance reaches a threshold. Of the thresholds
    whose share of rejected matches is nearest to the one asked for, the one with most non-matches counts; of two shares
    equally near, the lower. The host takes the first of these points, hence the lowest: with fewer than 5,000 matches
    TPR@FPR=1e-04 was 0, however good the features. And it asks a curve that scikit-learn has thinned for plotting.

    Exact in bounded memory: one pass over the distances keeps those of the matches, a second counts the non-matches.

    Args:
        distances: iterated twice; see FeatureDistances. Junk is left out.
        rates: shares of the matches.
        processes: those that share the distances.
    """

    def of_matches() -> list:
        kept = []
        for first, block in distances:
            for row, values in enumerate(block):
                same_pid, is_junk = matches.of(first + row)
                kept.append((values[same_pid[~is_junk]], len(values) - len(same_pid)))
        return kept

    kept, non_matches = zip(*processes.together(of_matches), strict=True)
    ascending, counts = np.unique(np.concatenate(kept), return_counts=True)
    shares = np.append(0, counts[::-1].cumsum()) / counts.sum()
    # thresholds[i] is the farthest match that is still accepted at shares[i]; at the last share none is.
    thresholds = np.append(ascending[::-1], np.float32(-np.inf))
    thresholds = thresholds[[np.abs(shares - rate).argmin() for rate in rates]]

    def rejected_non_matches() -> list:
        rejected = np.zeros(len(thresholds), dtype=np.int64)
        for first, block in distances:
            for row, values in enumerate(block):
                same_pid, _ = matches.of(first + row)
                for index, threshold in enumerate(thresholds):
                    rejected[index] += np.count_nonzero(values > threshold)
                    rejected[index] -= np.count_nonzero(values[same_pid] > threshold)
        return [rejected]

    rejected = np.sum(processes.together(rejected_non_matches), axis=0)
    return (rejected / sum(non_matches)).tolist()
