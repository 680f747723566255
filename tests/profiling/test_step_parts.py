"""Parts of a step follow one another in the order of the passes; views are no operations."""

import pytest
import torch
from torch import nn

from dcac_fastreid.profiling.step_parts import OperationCount, StepClock, clocked

CPU = torch.device("cpu")


class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def forward(self, noisy_latents, timesteps, condition):
        return self.layer(noisy_latents) * condition


class Model(nn.Module):
    """An encoder, and with a denoiser the way of its feature through a condition."""

    def __init__(self, with_denoiser: bool):
        super().__init__()
        self.backbone = nn.Linear(2, 2)
        self.feedback = None
        if with_denoiser:
            self.feedback = nn.Module()
            self.feedback.denoiser = Denoiser()

    def forward(self, images):
        features = self.backbone(images)
        if self.feedback is None:
            return features.exp().sum()
        return self.feedback.denoiser(images, None, features.exp()).sum()


@pytest.mark.parametrize(
    ("with_denoiser", "between"),
    [(True, ["unet_forward", "other", "unet_backward", "other"]), (False, [])],
    ids=["DCAC", "baseline"],
)
def test_parts_follow_one_another(with_denoiser, between):
    model, clock = Model(with_denoiser), StepClock(CPU)
    optimizer = torch.optim.SGD(model.parameters())
    with clocked(model, optimizer, clock):
        model(torch.ones(3, 2)).backward()
        optimizer.step()
    parts = [part for part, _ in clock._marks]
    assert parts == ["other", "encoder_forward", "other", *between, "encoder_backward", "optimizer", "other"]
    model(torch.ones(3, 2)).backward()
    assert len(clock._marks) == len(parts)  # the hooks are gone


def test_seconds_are_those_between_the_marks():
    clock = StepClock(CPU)
    now = iter([1.0, 3.0, 6.0, 10.0])
    clock._now = lambda: next(now)
    clock.restart()
    clock.mark("vae")
    clock.mark("optimizer")
    seconds = clock.seconds()
    assert (seconds["other"], seconds["vae"], seconds["optimizer"], seconds["encoder_forward"]) == (2, 3, 4, 0)


def test_operations_are_counted_by_part_and_views_are_none():
    clock = StepClock(CPU)
    with OperationCount(clock) as count:
        matrix = torch.ones(2, 3)
        clock.mark("vae")
        (matrix.t().unsqueeze(0).detach() + 1).mul_(2)
    assert count.counts == {"other": 1, "vae": 2}
