"""The paper's "Baseline (Ours)", Section 4.1, Eq. 5 to 8: fast-reid's Baseline with ID prototypes.

B batch, N identities, D feature width.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from dcac_fastreid.distributed.seam import gathered
from dcac_fastreid.errors import InputError
from dcac_fastreid.losses import PrototypeMemory, build_losses
from dcac_fastreid.micro_batches import in_micro_batches
from fastreid.config import configurable
from fastreid.modeling.meta_arch import META_ARCH_REGISTRY
from fastreid.modeling.meta_arch.baseline import Baseline


@META_ARCH_REGISTRY.register()
class PrototypicalBaseline(Baseline):
    """Encoder, BNNeck and classifier under the ID loss and the prototypical contrastive loss; any fast-reid backbone and head.

    Args:
        losses: those of this package, see LOSS_REGISTRY; fast-reid's own come from `loss_kwargs` (its Baseline).
        momentum: m of Eq. 7.
        classifier_init_std: the classifier starts at N(0, std²).
        bnneck_updates: how often a training step moves the BNNeck's running statistics, 1 or more.
        micro_batch: images that the encoder takes at a time in training, 0 for all; see micro_batches.py.
        host: the arguments of fast-reid's Baseline.
    """

    # What a checkpoint holds for training alone: testing needs no class count and no diffusion model.
    training_only = ("heads.weight", "memory.", "conditioner.", "feedback.")

    @configurable
    def __init__(
        self,
        *,
        losses: Sequence[Callable],
        momentum: float,
        classifier_init_std: float,
        bnneck_updates: int = 1,
        micro_batch: int = 0,
        **host,
    ):
        super().__init__(**host)
        self.own_losses = list(losses)
        if bnneck_updates > 1 and not hasattr(self.heads, "bottleneck"):
            raise InputError(
                f"MODEL.HEADS.BNNECK_UPDATES is {bnneck_updates}, but {type(self.heads).__name__} has no bottleneck as "
                "EmbeddingHead has; set it to 1"
            )
        self.bnneck_updates = bnneck_updates
        self.micro_batch = micro_batch
        nn.init.normal_(self.heads.weight, std=classifier_init_std)
        num_classes, feature_dim = self.heads.weight.shape
        self.memory = PrototypeMemory(num_classes, feature_dim, momentum)

    @classmethod
    def from_config(cls, cfg):
        if cfg.MODEL.HEADS.NECK_FEAT != "after":
            raise InputError(
                f"MODEL.HEADS.NECK_FEAT is {cfg.MODEL.HEADS.NECK_FEAT!r}; "
                "the prototypes are made of features after the BNNeck: set 'after'"
            )
        return {
            **super().from_config(cfg),
            "losses": build_losses(cfg),
            "momentum": cfg.MODEL.LOSSES.PCL.MOMENTUM,
            "classifier_init_std": cfg.MODEL.HEADS.CLASSIFIER_INIT_STD,
            "bnneck_updates": cfg.MODEL.HEADS.BNNECK_UPDATES,
            "micro_batch": cfg.SOLVER.MICRO_BATCH,
        }

    def forward(self, batched_inputs: Mapping):
        """Training: dict of scalar losses, for a batch of fast-reid's loader. Evaluation: features (B, D) after the BNNeck.

        Of several processes each brings its own rows of the batch, and all get the losses of the whole batch.

        After the losses are computed, moves the prototypes (Eq. 7). Without gradient (fast-reid's PreciseBN) nothing but the
        statistics of normalisation layers moves.

        Raises:
            RuntimeError: the prototypes were never filled.
        """
        if not self.training:
            return super().forward(batched_inputs)
        features = gathered(in_micro_batches(self.backbone, self.micro_batch, self.preprocess_image(batched_inputs)))
        targets = gathered(batched_inputs["targets"].to(self.device))
        if not torch.is_grad_enabled():
            self.heads(features, torch.zeros_like(targets))  # PreciseBN may bring identities of another data set
            return {}
        outputs = self._outputs(features, targets)
        losses = self.training_losses(outputs, targets, batched_inputs)
        self.memory.update(outputs["features"], targets)  # last: this batch's losses read the prototypes before it
        return losses

    def _outputs(self, features: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """What the losses and the condition are computed from, in fp32 at least: BNNeck and classifier stay out of autocast.

        In bfloat16 a logit of 10 is off by up to 0.03.
        """
        device_type = "cpu" if features.device.type == "meta" else features.device.type  # autocast knows no meta device
        with torch.autocast(device_type, enabled=False):
            features = features.to(torch.promote_types(features.dtype, torch.float32))
            outputs = {**self.heads(features, targets), "feature_map": features}
            self._move_statistics_again(features)
        return outputs

    @torch.no_grad()
    def _move_statistics_again(self, features: Tensor) -> None:
        """The BNNeck's running mean and variance, MODEL.HEADS.BNNECK_UPDATES - 1 times: it normalises by those of the batch."""
        for _ in range(self.bnneck_updates - 1):
            self.heads.bottleneck(self.heads.pool_layer(features))

    def training_losses(
        self, outputs: Mapping[str, Tensor], targets: Tensor, batched_inputs: Mapping
    ) -> dict[str, Tensor]:
        """Eq. 8: the losses of MODEL.LOSSES.NAME, by name."""
        losses = self.losses(outputs, targets)  # fast-reid's own, and its training accuracy
        for loss in self.own_losses:
            losses.update(loss(outputs, targets, self.memory.read()))
        return losses

    def load_state_dict(self, state_dict: Mapping[str, Tensor], strict: bool = True, assign: bool = False):
        """As torch's, and strict in any case over what evaluation needs: the encoder and the BNNeck.

        fast-reid's Checkpointer loads with strict=False: a file that lacks a frozen layer, or in which no key matches at
        all, would leave random weights without an error.

        Raises:
            InputError: a weight that evaluation needs is missing.
        """
        result = super().load_state_dict(state_dict, strict=False, assign=assign)
        needed = [key for key in result.missing_keys if not key.startswith(self.training_only)]
        if needed:
            raise InputError(
                f"the checkpoint lacks {len(needed)} weights that the encoder needs ({', '.join(needed[:5])}"
                f"{', ...' if len(needed) > 5 else ''}); is it of this architecture?"
            )
        if strict and (result.missing_keys or result.unexpected_keys):
            raise ValueError(f"the checkpoint lacks {result.missing_keys} and has besides {result.unexpected_keys}")
        # Nothing to report: a checkpoint of DCAC is meant to be run without its training side.
        children = dict(self.named_children())
        result.unexpected_keys[:] = [
            key
            for key in result.unexpected_keys
            if not (key.startswith(self.training_only) and key.split(".")[0] not in children)
        ]
        return result
