"""What the diffusion branch asks of a denoiser. B batch, (c, h, w) latent; L condition tokens, C their width."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from dcac_fastreid.errors import InputError


class Denoiser(nn.Module, ABC):
    """A conditional denoiser with its noise schedule. `feedback.py` and `adaptation.py` know no more than this.

    Attributes:
        condition_dim: C, the width of the condition that it attends to.
        num_timesteps: timesteps are integers in [0, num_timesteps).
        lora_targets: those of `lora_layers` that take an adapter by default.
        qkv_layers: those of them that make queries, keys and values.
        can_compute_in_one_type: whether `forward` computes in the type of its weights alone, on inputs of that type.
        computes_in: that type, where it does so without autocast: `adaptation.store_frozen_in`. A call brings the inputs to it.
    """

    condition_dim: int
    num_timesteps: int
    lora_targets: Sequence[str]
    qkv_layers: Sequence[str] = ()
    can_compute_in_one_type: bool = False
    computes_in: torch.dtype | None = None

    def __call__(self, noisy_latents: Tensor, timesteps: Tensor, condition: Tensor) -> Tensor:
        dtype = self.computes_in
        if dtype is None:
            return super().__call__(noisy_latents, timesteps, condition)
        # Outside of autocast, which knows no meta device.
        device_type = "cpu" if condition.device.type == "meta" else condition.device.type
        with torch.autocast(device_type, enabled=False):
            return super().__call__(noisy_latents.to(dtype), timesteps, condition.to(dtype))

    @abstractmethod
    def add_noise(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """Eq. 10: z_t of latents z_0 (B, c, h, w), noise of the same shape and timesteps (B,) int64."""

    @abstractmethod
    def target(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """What `forward` shall predict: the noise, for a model of ε; (B, c, h, w)."""

    @abstractmethod
    def forward(self, noisy_latents: Tensor, timesteps: Tensor, condition: Tensor) -> Tensor:
        """The prediction (B, c, h, w) under the condition (B, L, C)."""

    @abstractmethod
    def parts(self) -> Mapping[str, Sequence[nn.Module]]:
        """All weights, each in one part, for Table 5's partial fine-tuning: "input", "middle" and "output" are the blocks
        on the way of the latents; "head" is what belongs to no block: the time embedding, and what makes the prediction of
        the last block's result."""

    @abstractmethod
    def lora_layers(self) -> Mapping[str, int]:
        """The linear layers that are meant to take a LoRA adapter: the end of their names, and how many of that name there
        must be, counted by something else than the name."""

    def unused_parameters(self, num_tokens: int) -> Iterator[nn.Parameter]:
        """Those that get no gradient under a condition of so many tokens; none, where an implementation says nothing."""
        return iter(())

    def checkpoint_activations(self) -> None:
        """From now on the backward pass computes the activations again instead of keeping them.

        Raises: InputError: not offered.
        """
        raise InputError(
            f"SOLVER.CHECKPOINT_ACTIVATIONS is True, but {type(self).__name__} cannot; set it to False, or use SOLVER.MICRO_BATCH"
        )
