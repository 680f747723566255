"""The diffusion loss by timestep: little noise and much are different tasks. B batch."""

import torch
from torch import Tensor

BANDS = 4  # of equal width: 250 timesteps each for Stable Diffusion


def noise_loss_by_band(errors: Tensor, timesteps: Tensor, num_timesteps: int) -> dict[str, Tensor]:
    """Mean error of the samples in each band of timesteps, NaN for a band without a sample.

    Args:
        errors: (B,), each sample's mean squared error, Eq. 11. timesteps: (B,) int64 in [0, num_timesteps).
    Returns: scalars by name, `noise_loss_LOW_HIGH` for timesteps in [LOW, HIGH).
    """
    edges = [band * num_timesteps // BANDS for band in range(BANDS + 1)]
    numbers = {}
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        inside = (timesteps >= low) & (timesteps < high)
        numbers[f"noise_loss_{low}_{high}"] = torch.where(inside, errors, 0).sum() / inside.sum()
    return numbers


def squared_errors(loss: Tensor) -> Tensor:
    """The mean squared error of every sample, (B,), of which `loss` is the mean: from what autograd keeps of F.mse_loss.

    The denoiser's prediction is seen nowhere else: it is made in pieces, and may be compiled, where a hook is not called.
    """
    prediction, target = loss.grad_fn._saved_self.detach(), loss.grad_fn._saved_target.detach()
    return (prediction - target).square().flatten(1).mean(1)
