"""How much must the feedback weigh, to pull as hard as is asked for beside the Re-ID losses? B batch, D feature width."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn


def balanced(
    reid: Tensor,
    feedback: Tensor,
    *,
    features: Tensor,
    condition: Tensor,
    denoiser_weights: Iterable[nn.Parameter],
    ratio: float,
) -> tuple[Tensor, Tensor]:
    """λ of this step, and the feedback times λ: its gradient at the features has `ratio` times the norm of the Re-ID losses'.

    λ is 0 where the feedback has no gradient there. It is a number on the device, which is not asked for it; no gradient flows
    into it.

    λ is known only behind the denoiser's backward pass, which is made here, once: what is returned has the feedback's value,
    and is linear in condition and denoiser's weights, with the gradients that were found.

    Args:
        reid, feedback: scalars, the sum of the Re-ID losses and the diffusion loss, unweighted.
        features: (B, D), or (B, D, 1, 1), from which the Re-ID losses and the condition are computed.
        condition: (B, L, C), by which alone the feedback depends on the features.
        denoiser_weights: those that train are reached by the feedback besides.
    """
    reached = [condition, *(weight for weight in denoiser_weights if weight.requires_grad)]
    gradients = torch.autograd.grad(feedback, reached, allow_unused=True)
    at_features = (
        torch.autograd.grad(reid, features, retain_graph=True, allow_unused=True),
        torch.autograd.grad(condition, features, gradients[0], retain_graph=True, allow_unused=True),
    )
    of_reid, of_feedback = (
        torch.zeros_like(reid) if gradient is None else gradient.float().norm() for (gradient,) in at_features
    )
    weight = torch.where(of_feedback > 0, ratio * of_reid / of_feedback, 0).detach()
    linear = sum(
        (tensor * gradient).sum() for tensor, gradient in zip(reached, gradients, strict=True) if gradient is not None
    )
    return weight, weight * (feedback.detach() + linear - linear.detach())
