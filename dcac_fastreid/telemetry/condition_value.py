"""Does the condition tell the denoiser anything about the image? B samples."""

from collections.abc import Mapping

import torch
from torch import Tensor

from dcac_fastreid.telemetry.noise_loss import noise_loss_by_band

OWN, IDENTITY, ANOTHERS, NONE = "own", "identity", "anothers", "none"  # names of conditions


def pair_conditions(conditions: Tensor) -> dict[str, Tensor]:
    """What images are denoised under, by name: their own condition, that of the other image of their identity, that of an
    image of another identity, and none, which is zeros.

    Args:
        conditions: (2 M, L, C) of M identities, 2 or more, the two images of each one behind the other.
    """
    of_identity = conditions.unflatten(0, (-1, 2))
    return {
        OWN: conditions,
        IDENTITY: of_identity.flip(1).flatten(0, 1),
        ANOTHERS: of_identity.roll(1, 0).flatten(0, 1),
        NONE: torch.zeros_like(conditions),
    }


def condition_values(errors: Mapping[str, Tensor], timesteps: Tensor, num_timesteps: int) -> dict[str, Tensor]:
    """The condition's value, (noise loss under another identity's condition - under its own) / under its own, of mean losses.

    0 where the denoiser does not read the condition; below 0 where another identity's serves it better.

    Args:
        errors: by the names of `pair_conditions`, (B,) each; of the same noise and timesteps.
        timesteps: (B,) int64 in [0, num_timesteps).
    Returns:
        condition_value: over all timesteps. condition_value_LOW_HIGH: over those in [LOW, HIGH).
        condition_value_identity: of the condition of another image of the same identity, put in the place of its own.
        condition_value_none: the gain over no condition, (none - own) / own.
        held_out_loss_NAME: the four mean noise losses.
    """
    means = {name: of_condition.mean() for name, of_condition in errors.items()}
    numbers = {
        "condition_value": means[ANOTHERS] / means[OWN] - 1,
        "condition_value_identity": means[ANOTHERS] / means[IDENTITY] - 1,
        "condition_value_none": means[NONE] / means[OWN] - 1,
    }
    own, anothers = (noise_loss_by_band(errors[name], timesteps, num_timesteps) for name in (OWN, ANOTHERS))
    for name in own:
        numbers[name.replace("noise_loss", "condition_value")] = anothers[name] / own[name] - 1
    return numbers | {f"held_out_loss_{name}": mean for name, mean in means.items()}
