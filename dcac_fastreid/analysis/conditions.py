"""Which conditions does a run of DCAC give to images and identities? B images, N identities; L condition tokens, C their
width."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from dcac_fastreid.analysis.run import Run, TrainingImage


@torch.no_grad()
def image_conditions(run: Run, images: Sequence[TrainingImage]) -> Tensor:
    """(B, L, C) by the run's own conditioner, whatever its scheme, of each image without augmentation and its own label.

    Raises: InputError: the run has no diffusion side.
    """
    model, size = run.training_model, run.cfg.TEST.IMS_PER_BATCH
    batches = [run.batch(images[begin : begin + size]) for begin in range(0, len(images), size)]
    return torch.cat([model.conditions(batch, batch["targets"].to(model.device)) for batch in batches])


def has_prompts(run: Run) -> bool:
    """Whether the conditioner has learned a prompt for each identity; the instance-wise one has not.

    Raises: InputError: the run has no diffusion side.
    """
    return hasattr(run.training_model.conditioner, "prompts")


@torch.no_grad()
def prompt_mixes(run: Run, mixes: Sequence[Mapping[int, float]]) -> Tensor:
    """(B, 1, C): for each mix, the sum of the labels' prompts times their weights, transformed as in training (Table 10)."""
    conditioner = run.training_model.conditioner
    mixed = [sum(weight * conditioner.prompts[label] for label, weight in mix.items()) for mix in mixes]
    return conditioner.transform(torch.stack(mixed)[:, None])
