"""TEST.ROC on small test sets."""

from types import SimpleNamespace

import numpy as np
from sklearn import metrics

from fastreid.evaluation import reid_evaluation


def roc_curve(labels, scores):
    """scikit-learn's, with one point for each false positive rate: the one with the highest true positive rate."""
    fprs, tprs, thresholds = metrics.roc_curve(labels, scores)
    highest = np.append(np.diff(fprs) > 0, True)
    return fprs[highest], tprs[highest], thresholds[highest]


METRICS = SimpleNamespace(roc_curve=roc_curve)


def take_highest_rate() -> None:
    """fastreid/evaluation/reid_evaluation.py:123 takes the first of several points with the nearest false positive rate.

    Any version. The curve rises at equal false positive rates, from (0, 0) on, so the first is the lowest: with fewer than
    5,000 true matches TPR@FPR=1e-04 is 0, however good the features. (The host calls non-matches positive: TPR is the
    share of non-matches rejected, FPR that of matches rejected. Left so.)
    """
    reid_evaluation.metrics = METRICS
