"""The diffusion branch, Eq. 10 and 11. B batch, (c, h, w) latent; L condition tokens, C their width."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dcac_fastreid.diffusion.denoiser import Denoiser
from dcac_fastreid.diffusion.latents import sample_latents
from dcac_fastreid.diffusion.views import other_views
from dcac_fastreid.distributed.seam import gathered, own_rows
from dcac_fastreid.micro_batches import in_micro_batches

ANY = "any"  # MODEL.DCAC.CONDITIONER.SHUFFLE


class DiffusionFeedback(nn.Module):
    """The denoising loss under a condition. It does not know who made the condition; the gradient leaves through it.

    Args:
        denoiser: with the weights that train already chosen, see `adaptation.adapt`.
        seed: of its own random numbers (posterior, noise, timesteps, views), so that they do not shift those of the
            augmentation.
        micro_batch: latents that the denoiser takes at a time, 0 for all; see micro_batches.py.
        view: whose condition an image denoises: of VIEWS, or ANY other image's of the batch, a control. See `forward`.
    """

    def __init__(self, denoiser: Denoiser, seed: int, micro_batch: int = 0, view: str = "same"):
        super().__init__()
        self.denoiser = denoiser
        self.seed = seed
        self.micro_batch = micro_batch
        self.view = view
        self.generator: torch.Generator | None = None  # made at the first step, on the device of the model
        self.moments_of: Callable[[Sequence[str]], Tensor] | None = None
        self.scaling_factor = 1.0
        denoiser.register_state_dict_post_hook(_drop_frozen)
        denoiser.register_load_state_dict_post_hook(_expect_frozen_missing)

    def connect_latents(self, moments_of: Callable[[Sequence[str]], Tensor], scaling_factor: float) -> None:
        """Says where the latents come from.

        Args:
            moments_of: B image paths to moments (B, 2c, h, w): the lookup of a latent cache.
            scaling_factor: of the VAE that made them; 0.18215 for Stable Diffusion 1.5.
        """
        self.moments_of = moments_of
        self.scaling_factor = scaling_factor

    def random_state(self) -> Tensor | None:
        """Where the generator stands; None before the first step."""
        return self.generator.get_state() if self.generator else None

    def set_random_state(self, state: Tensor | None, device: torch.device) -> None:
        """The counterpart of `random_state`."""
        if state is not None:
            self.generator = torch.Generator(device)
            self.generator.set_state(state)

    def forward(
        self,
        condition: Tensor,
        img_paths: Sequence[str],
        identities: Tensor | None = None,
        cameras: Tensor | None = None,
    ) -> Tensor:
        """Eq. 11 on the images of a batch, with fresh random numbers: a scalar, unweighted.

        Under another view than "same" the conditions change places, see `other_views`, and the latents stay where they are:
        the latents are looked up by path, where a recorded step cannot look, while a choice among conditions is one operation
        on the device, behind which the batch is cut into micro-batches as ever. The loss, a mean, would be the same.

        Args:
            condition: (B, L, C); gradient flows into it, into each row from the image that denoises it.
            img_paths: B paths, as fast-reid's loader delivers them; of several processes, those of the own rows.
            identities: (B,), on the condition's device, for the views "identity" and "camera".
            cameras: (B,), likewise, for "camera".
        """
        moments = self._moments(img_paths, condition)
        latents = sample_latents(moments, self.scaling_factor, self.generator)
        noise = torch.randn(latents.shape, generator=self.generator, device=latents.device, dtype=latents.dtype)
        timesteps = torch.randint(
            self.denoiser.num_timesteps, (len(latents),), generator=self.generator, device=latents.device
        )
        if self.view != "same":
            condition = condition[self._others(moments.flatten(1), identities, cameras)]
        return self.loss(condition, latents, noise, timesteps)

    def loss(self, condition: Tensor, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """Eq. 11: mean squared error over all elements of the prediction, in fp32 at least.

        Args:
            condition: (B, L, C). latents, noise: (B, c, h, w). timesteps: (B,) int64 in [0, num_timesteps).
        """
        noisy_latents = self.denoiser.add_noise(latents, noise, timesteps)  # Eq. 10
        inputs = map(own_rows, (noisy_latents, timesteps, condition))
        prediction = gathered(in_micro_batches(self.denoiser, self.micro_batch, *inputs))
        target = self.denoiser.target(latents, noise, timesteps)
        return F.mse_loss(prediction.to(target.dtype), target)

    def _others(self, files: Tensor, identities: Tensor | None, cameras: Tensor | None) -> Tensor:
        """Whose condition each image denoises, (B,) int64; drawn from the generator, where it stands behind the timesteps."""
        # Not torch.randperm, which on a GPU waits for the device.
        draws = torch.rand(len(files), generator=self.generator, device=files.device)
        if self.view == ANY:
            identities, files = torch.zeros_like(draws), torch.arange(len(draws), device=draws.device)[:, None]
        return other_views(identities, files, draws, cameras if self.view == "camera" else None)

    def _moments(self, img_paths: Sequence[str], condition: Tensor) -> Tensor:
        if self.moments_of is None:
            raise RuntimeError("the latents of the training images were never computed; train with DCACTrainer")
        if self.generator is None and condition.device.type != "meta":
            self.generator = torch.Generator(condition.device).manual_seed(self.seed)
        moments = self.moments_of(img_paths).to(
            condition.device, torch.promote_types(condition.dtype, torch.float32), non_blocking=True
        )
        return gathered(moments)


def _drop_frozen(denoiser: nn.Module, state_dict: dict, prefix: str, local_metadata) -> None:
    """A checkpoint holds no weight of the denoiser that stayed as it was: 3.4 GB for Stable Diffusion 1.5."""
    for name, parameter in denoiser.named_parameters():
        if not parameter.requires_grad:
            state_dict.pop(prefix + name, None)


def _expect_frozen_missing(denoiser: nn.Module, incompatible) -> None:
    """The counterpart when loading: frozen weights come from the pre-trained model's own files."""
    frozen = {name for name, parameter in denoiser.named_parameters() if not parameter.requires_grad}
    incompatible.missing_keys[:] = [
        key for key in incompatible.missing_keys if key.rpartition("denoiser.")[2] not in frozen
    ]
