"""Memory of ID prototypes, Eq. 7. B batch, N identities, D feature width."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dcac_fastreid.errors import InputError


class PrototypeMemory(nn.Module):
    """One unit vector for each identity: class means at the start of every epoch, then moved by the hardest samples.

    Args:
        num_classes: N.
        feature_dim: D.
        momentum: m of Eq. 7 in [0, 1], the share of the OLD prototype that is kept.
    """

    def __init__(self, num_classes: int, feature_dim: int, momentum: float):
        super().__init__()
        if not 0 <= momentum <= 1:
            raise InputError(f"MODEL.LOSSES.PCL.MOMENTUM is {momentum}; it must lie in [0, 1]")
        self.momentum = momentum
        self.register_buffer("prototypes", torch.zeros(num_classes, feature_dim))
        # A Python flag: asking the buffer would wait for the GPU at every step.
        self.filled = False
        self.register_load_state_dict_post_hook(_see_whether_filled)

    def read(self) -> Tensor:
        """The prototypes (N, D), unit rows.

        Raises:
            RuntimeError: nobody has filled them; zeros would train to a meaningless loss without a word.
        """
        if not self.filled:
            raise RuntimeError(
                "the ID prototypes were never filled: this trainer does not compute them at the start of each epoch. "
                "Train with DCACTrainer, as dcac-fastreid train does"
            )
        return self.prototypes

    @torch.no_grad()
    def reset(self, features: Tensor, targets: Tensor) -> None:
        """Sets every prototype to the normalised mean of its identity's normalised features.

        Args:
            features: (M, D) of all training images.
            targets: (M,) int64; every identity in [0, N) must appear.
        """
        features = F.normalize(features.to(self.prototypes))
        sums = torch.zeros_like(self.prototypes).index_add_(0, targets, features)
        counts = torch.bincount(targets, minlength=len(sums))
        if len(counts) != len(sums) or (counts == 0).any():
            raise InputError(
                f"{len(sums)} identities need an image each, {int((counts > 0).sum())} have one; leave "
                "MODEL.HEADS.NUM_CLASSES at 0, which counts them"
            )
        self.prototypes.copy_(F.normalize(sums))
        self.filled = True

    @torch.no_grad()
    def update(self, features: Tensor, targets: Tensor) -> None:
        """Eq. 7: K[y] <- normalise(m K[y] + (1 - m) f_hard), once per identity in the batch; the others stay.

        f_hard is the sample of y with the LOWEST cosine to K[y]; of equals, the first in the batch.

        Args:
            features: (B, D), after the BNNeck; normalised here.
            targets: (B,) int64 in [0, N).
        """
        features = F.normalize(features.to(self.prototypes))
        old = self.prototypes[targets]  # (B, D)
        cosines = (features * old).sum(1)
        order = torch.arange(len(targets), device=targets.device)
        same_id = targets[:, None] == targets[None, :]  # (B, B)
        harder = (cosines[None, :] < cosines[:, None]) | (
            (cosines[None, :] == cosines[:, None]) & (order[None, :] < order[:, None])
        )
        is_hardest = ~(same_id & harder).any(1)  # (B,): one for each identity
        hardest = (same_id & is_hardest[None, :]).int().argmax(1)  # (B,): the hardest sample of my identity
        new = F.normalize(self.momentum * old + (1 - self.momentum) * features[hardest])
        self.prototypes[targets] = new  # samples of one identity write the same row


def _see_whether_filled(memory: PrototypeMemory, incompatible_keys) -> None:
    """After loading: rows of unit length are never zero, whatever the checkpoint held."""
    memory.filled = bool(memory.prototypes.any())
