"""How well do features tell people apart, on the photos of a probe? n photos, D feature width."""

import numpy as np
from torch import Tensor

from dcac_fastreid.evaluation import rank_features


def mean_of_others(features: Tensor) -> float:
    """Mean cosine of two different rows of length 1, (n, D): 1 where all are the same."""
    count = len(features)
    total = features.double().sum(0)
    return float((total @ total - count) / (count * (count - 1)))


def mean_ap(features: Tensor, identities: np.ndarray, cameras: np.ndarray) -> float:
    """In per cent: each photo searches all others; those of the same person by the same camera are left out, as in the test.

    Args: cameras: -1 where one is not known: then the photo alone is left out.
    """
    cameras = np.where(cameras < 0, cameras.max() + 1 + np.arange(len(cameras)), cameras)
    _, precisions, _ = rank_features(features, features, identities, identities, cameras, cameras)
    return 100 * float(precisions.mean())
