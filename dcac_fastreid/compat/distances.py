"""Distances between features, on every device alike.

N query and gallery images together, D feature width.
"""

import torch
from torch import Tensor

from dcac_fastreid.errors import InputError
from fastreid.utils import compute_dist

host_euclidean_distance = compute_dist.compute_euclidean_distance
host_jaccard_distance = compute_dist.compute_jaccard_distance


@torch.no_grad()
def euclidean_distance(features: Tensor, others: Tensor):
    """SQUARED Euclidean distances, NumPy (len(features), len(others)); the host's numbers to the last bit."""
    squares = features.square().sum(dim=1, keepdim=True) + others.square().sum(dim=1)
    return squares.addmm_(features, others.T, alpha=-2).cpu().numpy()


def euclidean_without_warning() -> None:
    """fastreid/utils/compute_dist.py:183 calls addmm_(1, -2, ...), a signature that PyTorch gave up.

    PyTorch >= 1.5: UserWarning, "This overload of addmm_ is deprecated", in every evaluation with TEST.METRIC euclidean.
    """
    compute_dist.compute_euclidean_distance = euclidean_distance


def jaccard_distance(features: Tensor, k1: int = 20, k2: int = 6, search_option: int = 3, fp16: bool = False):
    """The host's Jaccard distances (N, N), with its own neighbour search on the CPU, whatever search_option says.

    Args:
        features: (N, D).
        k1: each image's neighbours, itself among them. (The host's slices say k1 + 1, but the search returns k1.)
        k2: how many of these neighbours are averaged.
    Raises:
        InputError: k1 or k2 do not fit the number of images.
    """
    if not 1 <= k2 <= k1 <= len(features):
        raise InputError(
            f"re-ranking needs 1 <= TEST.RERANK.K2 <= TEST.RERANK.K1 <= images of query and gallery, got K2 {k2}, "
            f"K1 {k1} and {len(features)} images: lower K1 and K2, or set TEST.RERANK.ENABLED False"
        )
    return host_jaccard_distance(features.cpu(), k1, k2, search_option=3, fp16=fp16)


def rerank_on_the_cpu() -> None:
    """fastreid/utils/compute_dist.py:53 searches neighbours with faiss on a GPU (search_option=0).

    Without a GPU: RuntimeError (compute_dist.py:68, `.cuda()`). With one, but faiss-cpu: AttributeError, no
    StandardGpuResources. Fewer images than TEST.RERANK.K1, any version: the search pads with -1, which compute_dist.py:58
    takes for the last image: wrong distances, no error. The host's search on the CPU is exact too, and gives the same
    ranking whatever the machine.
    """
    compute_dist.compute_jaccard_distance = jaccard_distance
