"""How decided are the probabilities p of Eq. 12, before they mix the prompts? B batch, N identities."""

import torch
from torch import Tensor


def probability_numbers(probabilities: Tensor) -> dict[str, Tensor]:
    """Entropy in nats, log N where all identities are equally likely, and the mass of the likeliest one; means over the batch.

    Args:
        probabilities: (B, N), rows sum to 1.
    """
    return {
        "condition_entropy": torch.special.entr(probabilities).sum(1).mean(),
        "condition_top1": probabilities.amax(1).mean(),
    }
