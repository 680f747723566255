"""Alpha query expansion (TEST.AQE): every feature becomes a mean of its neighbours'.

N query and gallery images together, D feature width.
"""

import torch
from torch import Tensor
from torch.nn.functional import normalize

from dcac_fastreid.distributed.shared_work import ALONE, Processes
from dcac_fastreid.errors import InputError
from dcac_fastreid.evaluation.distances import MEMORY_LIMIT, blocks_to_share


@torch.no_grad()
def expand(
    features: Tensor,
    times: int,
    neighbours: int,
    alpha: float,
    device=None,
    memory_limit=MEMORY_LIMIT,
    processes: Processes = ALONE,
) -> Tensor:
    """The host's aqe, without its (N, N) similarities.

    Args:
        features: (N, D).
        times: how often.
        neighbours: nearest images by cosine, the image itself among them, that are averaged.
        alpha: each neighbour's weight is its similarity to this power.
        device: where similarities are made; None = where the features are.
        memory_limit: bytes of a block of similarities and of the neighbours' features in it.
        processes: those that share the blocks.
    Returns: (N, D) on the features' device, fp32, not normalised.
    Raises: InputError: no more images than neighbours; or features turn NaN, as a negative similarity to a power that is
        no whole number does.
    """
    if not 1 <= neighbours < len(features):
        raise InputError(
            "query expansion needs 1 <= TEST.AQE.QE_K < images of query and gallery, got "
            f"QE_K {neighbours} and {len(features)} images: lower QE_K, or set TEST.AQE.ENABLED False"
        )
    images, width = features.shape
    blocks = blocks_to_share(images, 4 * (images + 2 * neighbours * width), memory_limit)
    expanded = features.to(device or features.device, torch.float32)

    def own_blocks() -> list[Tensor]:
        unit = normalize(expanded)
        means = []
        for rows in processes.own(blocks):
            similarities, nearest = torch.mm(unit[rows], unit.T).topk(neighbours)
            means.append((expanded[nearest] * similarities.pow(alpha).unsqueeze(-1)).mean(dim=1).cpu())
        return means

    for _ in range(times):
        expanded = torch.cat(processes.together(own_blocks)).to(expanded.device)
    if not expanded.isfinite().all() and features.isfinite().all():
        raise InputError(
            f"TEST.AQE.ALPHA {alpha} makes NaN of a neighbour's similarity below 0: set it to a whole number, such as 3"
        )
    return expanded.to(features.device)
