"""DCAC, Figure 2: the Re-ID model, the condition made of its output, the diffusion model's feedback on it; Eq. 13.

B batch, N identities, D feature width; L condition tokens, C their width.
"""

from collections.abc import Iterator, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer

from dcac_fastreid.balance import balanced
from dcac_fastreid.conditioners import build_conditioner
from dcac_fastreid.diffusion import DiffusionFeedback, adapt, lora_parameters, store_frozen_in
from dcac_fastreid.diffusion.denoiser import Denoiser
from dcac_fastreid.diffusion.feedback import ANY
from dcac_fastreid.distributed.seam import gathered
from dcac_fastreid.reid import PrototypicalBaseline
from fastreid.config import configurable
from fastreid.modeling.meta_arch import META_ARCH_REGISTRY
from fastreid.utils.events import get_event_storage


@META_ARCH_REGISTRY.register()
class DCAC(PrototypicalBaseline):
    """The baseline and, for training, a conditioner and a diffusion branch. At test time only encoder and BNNeck exist.

    Args:
        diffusion_weight: λ of Eq. 13.
        balance: r > 0 sets λ again at every step, in the place of diffusion_weight; see balance.py. 0 does not.
        baseline: the arguments of PrototypicalBaseline.
    """

    @configurable
    def __init__(self, *, diffusion_weight: float, balance: float = 0.0, **baseline):
        super().__init__(**baseline)
        self.diffusion_weight = diffusion_weight
        self.balance = balance
        self.conditioner: nn.Module | None = None
        self.feedback: DiffusionFeedback | None = None

    @classmethod
    def from_config(cls, cfg):
        dcac = cfg.MODEL.DCAC
        return {**super().from_config(cfg), "diffusion_weight": dcac.LAMBDA, "balance": dcac.BALANCE}

    def attach_training_side(self, conditioner: nn.Module, feedback: DiffusionFeedback) -> None:
        """Makes the model trainable. build_model(cfg) alone, which is all that testing calls, needs no diffusion model."""
        self.conditioner = conditioner
        self.feedback = feedback

    @torch.no_grad()
    def conditions(self, batched_inputs: Mapping, targets: Tensor) -> Tensor:
        """The conditions (B, L, C) of images, in evaluation mode: with the BNNeck's running statistics."""
        feature_map = self.backbone(self.preprocess_image(batched_inputs))
        features = self.heads(feature_map)
        return self.conditioner(
            features=self._read(features, feature_map),
            logits=class_logits(self.heads, features),
            targets=targets,
            prototypes=self.memory.read(),
        )

    def _read(self, features: Tensor, feature_map: Tensor) -> Tensor:
        """Which features (B, D) the conditioner reads."""
        return feature_map[..., 0, 0] if self.conditioner.reads_embeddings else features

    def unused_parameters(self) -> Iterator[nn.Parameter]:
        """Weights that count as trainable, but that no gradient reaches under conditions of this conditioner's length."""
        return self.feedback.denoiser.unused_parameters(self.conditioner.num_tokens)

    def training_losses(
        self, outputs: Mapping[str, Tensor], targets: Tensor, batched_inputs: Mapping
    ) -> dict[str, Tensor]:
        """Eq. 13: the baseline's losses and λ times the diffusion loss, by name.

        Raises:
            RuntimeError: the training side was not attached.
            KeyError: the batch has no img_paths.
        """
        if self.conditioner is None or self.feedback is None:
            raise RuntimeError(
                "DCAC has no conditioner and no diffusion model, so it would train the baseline alone; "
                "train with DCACTrainer, as dcac-fastreid train does"
            )
        if "img_paths" not in batched_inputs:
            raise KeyError(
                "the batch has no img_paths, by which DCAC finds the latents of its images; use fast-reid's data sets"
            )
        losses = super().training_losses(outputs, targets, batched_inputs)
        condition = self.conditioner(
            features=self._read(outputs["features"], outputs["feature_map"]),
            logits=outputs["pred_class_logits"],  # NOT detached: the feedback's only way back, Section 4.3
            targets=targets,
            prototypes=self.memory.read(),
        )
        cameras = gathered(batched_inputs["camids"].to(self.device)) if self.feedback.view == "camera" else None
        feedback = self.feedback(condition, batched_inputs["img_paths"], targets, cameras)
        if self.balance:
            read = outputs["feature_map" if self.conditioner.reads_embeddings else "features"]
            weight, losses["loss_diffusion"] = balanced(
                sum(losses.values()),
                feedback,
                features=read,
                condition=condition,
                denoiser_weights=self.feedback.denoiser.parameters(),
                ratio=self.balance,
            )
            get_event_storage().put_scalar("lambda", weight)
        else:
            losses["loss_diffusion"] = self.diffusion_weight * feedback
        return losses


def class_logits(head: nn.Module, features: Tensor) -> Tensor:
    """(B, N), as fast-reid's EmbeddingHead gives them in training as `pred_class_logits`: without a margin."""
    if type(head.cls_layer).__name__ == "Linear":  # the other kinds are subclasses of it
        return F.linear(features, head.weight) * head.cls_layer.s
    return F.linear(F.normalize(features), F.normalize(head.weight)) * head.cls_layer.s


def attach_training_side(model: DCAC, cfg, denoiser: Denoiser, *, autocast: torch.dtype | None = None) -> None:
    """Builds DCAC's training side from cfg around a pre-trained denoiser, and attaches it, on the model's device.

    Args:
        cfg: MODEL.HEADS.NUM_CLASSES must be the training set's.
        autocast: the type of mixed precision in which the model will train; frozen weights are kept in it.
    """
    adapt(
        denoiser,
        tuning=cfg.MODEL.DCAC.DIFFUSION.TUNING,
        rank=cfg.MODEL.DCAC.LORA.RANK,
        alpha=cfg.MODEL.DCAC.LORA.ALPHA,
        targets=cfg.MODEL.DCAC.LORA.TARGETS,
        qkv_bias=cfg.MODEL.DCAC.LORA.QKV_BIAS,
        seed=cfg.SEED,
    )
    if model.device.type == "cuda":
        denoiser.to(memory_format=torch.channels_last)  # as its convolutions want it; on the CPU they are 5 % slower so
    if autocast:
        store_frozen_in(denoiser, autocast)
    conditioner = build_conditioner(cfg, denoiser.condition_dim)
    feedback = DiffusionFeedback(
        denoiser,
        seed=cfg.SEED,
        micro_batch=cfg.SOLVER.MICRO_BATCH,
        view=ANY if cfg.MODEL.DCAC.CONDITIONER.SHUFFLE else cfg.MODEL.DCAC.CONDITIONER.VIEW,
    )
    model.attach_training_side(conditioner.to(model.device), feedback.to(model.device))


def scale_learning_rates(model: DCAC, optimizer: Optimizer, *, prompts: float, lora: float) -> None:
    """Multiplies the learning rates of some weights, in place, before a schedule takes them as its base.

    Args:
        optimizer: with a group for every parameter, as fast-reid builds it.
        prompts: factor for the conditioner's weights: ID prompts, and what the variants have in their place or behind them.
        lora: factor for the adapters.
    """
    factors = dict.fromkeys(model.conditioner.parameters(), prompts)
    factors.update(dict.fromkeys(lora_parameters(model.feedback.denoiser), lora))
    for group in optimizer.param_groups:
        (parameter,) = group["params"]
        group["lr"] *= factors.get(parameter, 1.0)
