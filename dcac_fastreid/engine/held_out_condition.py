"""The condition's value on held-out images, measured on a model as it trains. M identities, two images of each."""

import logging
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from dcac_fastreid.data.loading.held_out import HeldOut
from dcac_fastreid.dcac import DCAC
from dcac_fastreid.diffusion.noise_errors import errors_under
from dcac_fastreid.engine.tested_weights import TestedWeights
from dcac_fastreid.telemetry import condition_values, pair_conditions
from fastreid.engine.train_loop import HookBase

IDENTITIES = 64
DRAWS = 16  # of noise and timestep for each image, their timesteps spread evenly over the schedule
SEED = 0  # of the draws, which are the same at every measurement of every run
logger = logging.getLogger("fastreid.dcac")


def why_no_condition_value(model: DCAC, held_out: HeldOut | None) -> str | None:
    """What stands against measuring it; None: nothing."""
    if model.conditioner.reads_targets:
        return f"{type(model.conditioner).__name__} makes no condition of an identity that is not trained on"
    if held_out is None:
        return "DATASETS.NAMES have no two identities, of validation or test, that are not trained on and can be read"
    return None


class ConditionValue(HookBase):
    """After every epoch that is evaluated, and after the last one: the condition's value, logged; before the writers.

    The training stays the same: the random numbers are its own, and the model's state is read alone. It is of the weights that
    train, also under SOLVER.EMA and SOLVER.INTERPOLATE: the prompts and the denoiser know no other encoder. It stands behind the
    epoch's checkpoint all the same, which a failure here then costs nothing.

    Args:
        tested: which weights the model has by then.
        latents_of: paths of images to z_0 (2 M, c, h, w), the mean of the posterior; called once.
        period: TEST.EVAL_PERIOD.
        autocast: the type of mixed precision of the training, in which frozen weights are kept; None for fp32.
    """

    def __init__(
        self,
        model: DCAC,
        tested: TestedWeights,
        held_out: HeldOut,
        latents_of: Callable[[Sequence[str]], Tensor],
        period: int,
        autocast: torch.dtype | None = None,
    ):
        self._model, self._tested, self._held_out = model, tested, held_out
        self._latents_of, self._period = latents_of, period
        self._autocast = torch.autocast(model.device.type, dtype=autocast, enabled=autocast is not None)

    def before_train(self):
        self._latents = self._latents_of(self._held_out.paths).repeat(DRAWS, 1, 1, 1)

    def after_epoch(self):
        done = self.trainer.epoch + 1
        if done == self.trainer.max_epoch or (self._period and done % self._period == 0):
            with self._tested.taken_out():
                numbers = self.numbers()
            for name, number in numbers.items():
                self.trainer.storage.put_scalar(f"telemetry/{name}", number.item(), smoothing_hint=False)

    @torch.no_grad()
    def numbers(self) -> dict[str, Tensor]:
        """Of the model as it stands; see `condition_values`."""
        model, denoiser = self._model.eval(), self._model.feedback.denoiser
        noise, timesteps = self._draws(denoiser.num_timesteps)
        with self._autocast:
            images = self._held_out.images.to(model.device)
            conditions = model.conditions(
                {"images": images}, torch.zeros(len(images), dtype=torch.int64).to(model.device)
            )
            compared = {name: of.repeat(DRAWS, 1, 1) for name, of in pair_conditions(conditions).items()}
            errors = errors_under(denoiser, self._latents, noise, timesteps, compared)
        model.train()
        return condition_values(errors, timesteps, denoiser.num_timesteps)

    def _draws(self, num_timesteps: int) -> tuple[Tensor, Tensor]:
        """Noise, and timesteps: of each image's draws one in each of so many equal parts of the schedule."""
        generator, device = torch.Generator().manual_seed(SEED), self._latents.device
        noise = torch.randn(self._latents.shape, generator=generator)
        images = len(self._latents) // DRAWS
        parts = torch.arange(DRAWS).repeat_interleave(images) + torch.rand(len(noise), generator=generator)
        return noise.to(device), (parts / DRAWS * num_timesteps).long().clamp(max=num_timesteps - 1).to(device)
