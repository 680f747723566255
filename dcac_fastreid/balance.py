"""How much must the feedback weigh, to pull as hard as is asked for beside the Re-ID losses? B batch, D feature width."""

import torch
from torch import Tensor


def balanced_weight(reid: Tensor, feedback: Tensor, features: Tensor, ratio: float) -> Tensor:
    """λ of this step: under it the feedback's gradient at the features has `ratio` times the norm of the Re-ID losses'.

    0 where the feedback has no gradient there. A number on the device, which is not asked for it; no gradient flows into it.
    Costs a backward pass of the denoiser more, through which the gradient comes.

    Args:
        reid, feedback: scalars, the sum of the Re-ID losses and the diffusion loss, unweighted.
        features: (B, D), or (B, D, 1, 1), from which both are computed.
    """
    norms = []
    for loss in (reid, feedback):
        (gradient,) = torch.autograd.grad(loss, features, retain_graph=True, allow_unused=True)
        norms.append(torch.zeros_like(loss) if gradient is None else gradient.float().norm())
    of_reid, of_feedback = norms
    return torch.where(of_feedback > 0, ratio * of_reid / of_feedback, 0).detach()
