"""All numbers of one training step: what looks on is put on before it, and taken off behind it."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from dcac_fastreid.conditioners.id_prompts import IDPrompts
from dcac_fastreid.telemetry.displacement import Displacement
from dcac_fastreid.telemetry.gradients import GradientSplit
from dcac_fastreid.telemetry.noise_loss import noise_loss_by_band, squared_errors
from dcac_fastreid.telemetry.probabilities import probability_numbers


class StepTelemetry:
    """Looks on while a model trains for one step. Between steps the model is as if this were not there.

    Args:
        encoder: fast-reid's backbone. heads: its head.
        conditioner, feedback: DCAC's training side; None for the baseline, which has the Re-ID gradient alone.
    """

    def __init__(
        self,
        encoder: nn.Module,
        heads: nn.Module,
        conditioner: nn.Module | None = None,
        feedback: nn.Module | None = None,
    ):
        self._heads, self._conditioner, self._feedback = heads, conditioner, feedback
        self._displacement = Displacement(encoder, conditioner, feedback.denoiser if feedback is not None else None)

    def measure_from(self, start: Mapping[str, Tensor]) -> None:
        """See Displacement; without it nothing is said of the encoder's."""
        self._displacement.measure_from(start)

    def begin(self, loss_scale: Tensor | None = None) -> None:
        """Before a step.

        Args:
            loss_scale: by which mixed precision will multiply the loss; None for 1.
        """
        self._loss_scale = loss_scale
        self._numbers: dict[str, Tensor] = self._displacement.numbers()
        self._split: GradientSplit | None = None
        self._copy: Tensor | None = None
        self._handles = [self._heads.register_forward_hook(self._on_outputs)]
        if self._feedback is not None:
            self._handles.append(self._conditioner.register_forward_pre_hook(self._on_condition, with_kwargs=True))
            self._feedback.loss = self._loss  # over the method of its class, until `end`

    def end(self) -> dict[str, float]:
        """After the step: its numbers by name. Left out is what is not finite: a band of timesteps without a sample, or all
        gradients of a step that fp16 has lost.

        Waits until the device has come as far as the features in its backward pass; it has the encoder's still before it.
        """
        for handle in self._handles:
            handle.remove()
        if self._feedback is not None:
            del self._feedback.loss
        if self._split is not None:
            self._split.remove()
            self._split = None
        if self._copy is None:
            return {}
        if self._copied is not None:
            self._copied.synchronize()
        numbers = zip(self._numbers, self._copy.tolist(), strict=True)
        return {name: number for name, number in numbers if math.isfinite(number)}

    def _on_outputs(self, heads: nn.Module, inputs: tuple, outputs: Mapping[str, Tensor]) -> None:
        if self._conditioner is not None and self._conditioner.reads_embeddings:
            outputs = {**outputs, "features": inputs[0]}  # the place where both branches meet
        self._split = GradientSplit(outputs, heads.weight, self._on_gradients)

    def _on_condition(self, conditioner: nn.Module, inputs: tuple, read: dict) -> tuple[tuple, dict]:
        if isinstance(conditioner, IDPrompts):
            with torch.no_grad():
                probabilities = conditioner.probabilities(
                    features=read["features"], logits=read["logits"], prototypes=read["prototypes"]
                )
                self._numbers |= probability_numbers(probabilities)
        features, logits = self._split.branch(read["features"], read["logits"])
        return inputs, {**read, "features": features, "logits": logits}

    def _loss(self, condition: Tensor, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        loss = type(self._feedback).loss(self._feedback, condition, latents, noise, timesteps)
        errors = squared_errors(loss)
        self._numbers |= noise_loss_by_band(errors, timesteps, self._feedback.denoiser.num_timesteps)
        return loss

    def _on_gradients(self) -> None:
        """Sends all numbers on their way while the device still has the encoder's backward pass to make."""
        self._numbers |= self._split.numbers(self._loss_scale)
        values = torch.stack([number.detach().float() for number in self._numbers.values()])
        self._copy = values.to("cpu", non_blocking=True)
        self._copied = torch.cuda.current_stream().record_event() if values.is_cuda else None
