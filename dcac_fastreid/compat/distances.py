"""The host's distance matrices, for scripts that build them: on every device alike, without a deprecated call.

N query and gallery images together, D feature width.
"""

import numpy as np
import torch
from torch import Tensor

from dcac_fastreid.evaluation.distances import squared_euclidean
from dcac_fastreid.evaluation.reciprocal import reciprocal_vectors
from dcac_fastreid.evaluation.rerank import jaccard_rows
from fastreid.utils import compute_dist

host_euclidean_distance = compute_dist.compute_euclidean_distance
host_jaccard_distance = compute_dist.compute_jaccard_distance


@torch.no_grad()
def euclidean_distance(features: Tensor, others: Tensor):
    """SQUARED Euclidean distances, NumPy (len(features), len(others)); the host's numbers to the last bit."""
    return squared_euclidean(features, others, others.square().sum(dim=1)).cpu().numpy()


def euclidean_without_warning() -> None:
    """fastreid/utils/compute_dist.py:183 calls addmm_(1, -2, ...), a signature that PyTorch gave up.

    PyTorch >= 1.5: UserWarning, "This overload of addmm_ is deprecated", at every euclidean build_dist.
    """
    compute_dist.compute_euclidean_distance = euclidean_distance


def jaccard_distance(features: Tensor, k1: int = 20, k2: int = 6, search_option: int = 3, fp16: bool = False):
    """The host's Jaccard distances (N, N), searched on the CPU whatever search_option says, float32 whatever fp16 says.

    See reciprocal_vectors for k1, k2 and what is raised.
    """
    vectors = reciprocal_vectors(features.detach().cpu().numpy(), k1, k2)
    return np.stack(list(jaccard_rows(vectors, vectors.tocsc())))


def rerank_on_the_cpu() -> None:
    """fastreid/utils/compute_dist.py:53 searches neighbours with faiss on a GPU (search_option=0).

    Without a GPU: RuntimeError (compute_dist.py:68, `.cuda()`). With one, but faiss-cpu: AttributeError, no
    StandardGpuResources. Fewer images than TEST.RERANK.K1, any version: the search pads with -1, which compute_dist.py:58
    takes for the last image: wrong distances, no error. faiss' search on the CPU is exact too, and gives the same ranking
    whatever the machine.
    """
    compute_dist.compute_jaccard_distance = jaccard_distance
