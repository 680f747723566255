"""TEST.AQE says what it lacks."""

import torch
from torch import Tensor

from dcac_fastreid.errors import InputError
from fastreid.evaluation import query_expansion, reid_evaluation


def aqe(query_feat: Tensor, gallery_feat: Tensor, qe_times: int = 1, qe_k: int = 10, alpha: float = 3.0):
    """The host's alpha query expansion, same arguments and features.

    Raises:
        InputError: no more images than neighbours; or features turn NaN, as a negative similarity to a power that is no
            whole number does.
    """
    images = len(query_feat) + len(gallery_feat)
    if not 1 <= qe_k < images:
        raise InputError(
            f"query expansion needs 1 <= TEST.AQE.QE_K < images of query and gallery, got QE_K {qe_k} and {images} images: "
            "lower QE_K, or set TEST.AQE.ENABLED False"
        )
    expanded = query_expansion.aqe(query_feat, gallery_feat, qe_times, qe_k, alpha)
    if not torch.cat(expanded).isfinite().all() and torch.cat([query_feat, gallery_feat]).isfinite().all():
        raise InputError(
            f"TEST.AQE.ALPHA {alpha} makes NaN of a neighbour's similarity below 0: set it to a whole number, such as 3"
        )
    return expanded


def explain_expansion() -> None:
    """fastreid/evaluation/query_expansion.py:37 partitions at index TEST.AQE.QE_K, :39 raises similarities to ALPHA.

    Any version. No more images than QE_K: ValueError, kth out of bounds. ALPHA such as 2.5 and a neighbour with a negative
    similarity: RuntimeWarning, then NaN features.
    """
    reid_evaluation.aqe = aqe
